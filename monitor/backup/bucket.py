"""Backups in a bucket: an object appears whole, and the manifest comes last, so what has none is no backup.

The identity that writes is never asked to delete. Whoever prunes opens the store with another one (``may_delete``).
There is no lock that a reader could hold: a backup that is pruned while it is read ends the reading with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from monitor.backup import manifest as manifest_module
from monitor.backup.backup_store import CENTURIES, BackupStore
from monitor.backup.compression import Compression
from monitor.backup.draft import Draft
from monitor.backup.keys import Keyset
from monitor.backup.lease import FOLDER, Lease
from monitor.errors import Unsafe
from monitor.sources.object_storage import S3Depot


class BucketStore(BackupStore):
    """Backups below a prefix of a bucket."""

    def __init__(self, bucket: S3Depot, keyset: Keyset | None = None, *, may_delete: bool = False) -> None:
        super().__init__(bucket, keyset, may_delete=may_delete)
        self._bucket = bucket
        self._lease: Lease | None = None

    @contextmanager
    def exclusive(self, what: str) -> Iterator[None]:
        """Hold the lease of the bucket; who dies with it is followed after two minutes."""
        lease = Lease(self._bucket, what)
        with lease.held():
            self._lease = lease
            try:
                yield
            finally:
                self._lease = None

    @contextmanager
    def alone(self, what: str) -> Iterator[Callable[[], None]]:
        """Hold a lease of its own."""
        lease = Lease(self._bucket, what, f"{FOLDER}/{what}.json")
        with lease.held():
            yield lease.check

    @contextmanager
    def draft(self, backup_id: str, compression: Compression = "none") -> Iterator[Draft]:
        """Write objects under the backup's own name: without a manifest they are no backup."""
        yield Draft(
            backup_id,
            self._bucket,
            compression=compression,
            keyset=self.keyset,
            before=self._check_lease,
            finish=lambda: None,
        )

    def remove_leftovers(self) -> tuple[str, ...]:
        """Remove objects of runs that were killed, if this identity may: else whoever prunes next does."""
        if not self.may_delete:
            return ()
        found = self._found()
        leftovers = tuple(sorted(backup_id for backup_id, whole in found.items() if not whole))
        for backup_id in leftovers:
            self.remove(backup_id)
            self._bucket.give_up_uploads(f"{backup_id}/")
        return leftovers

    @contextmanager
    def reading(self, backup_id: str) -> Iterator[None]:
        """Make sure that there is such a backup."""
        self.refuse_unknown(backup_id)
        yield

    def remove(self, backup_id: str) -> bool:
        """Delete a backup: first its manifest, so that it stops being one, then the rest.

        Raises:
            Unsafe: this identity is the one that writes, or the lease was lost.
        """
        if not self.may_delete:
            raise Unsafe(
                f"{self.name}: the identity that writes backups never deletes: set backup_prune_credentials_file"
            )
        self._check_lease()
        manifest = f"{backup_id}/{manifest_module.NAME}"
        self._bucket.delete(manifest)
        for key in self._bucket.keys(f"{backup_id}/"):
            self._bucket.delete(key)
        return True

    def ids(self) -> tuple[str, ...]:
        """Return the ids of what is there, oldest first; those of leftovers too."""
        return tuple(sorted(self._found()))

    def _found(self) -> dict[str, bool]:
        """Return whether there is a manifest, by id."""
        found: dict[str, bool] = {}
        for key in self._bucket.sizes(CENTURIES):
            backup_id, _, path = key.partition("/")
            if manifest_module.is_backup_id(backup_id):
                found[backup_id] = found.get(backup_id, False) or path == manifest_module.NAME
        return found

    def _check_lease(self) -> None:
        if self._lease is not None:
            self._lease.check()
