"""A backup in the making: its files are hashed, compressed and sealed on their way into a depot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from monitor.backup import manifest as manifest_module
from monitor.backup.compression import SUFFIX, Compression, compress
from monitor.backup.depot import Depot
from monitor.backup.keys import Keyset
from monitor.backup.model import FileEntry, Manifest
from monitor.backup.sealed import SealedDepot
from monitor.backup.streams import Digest, Tally


class Witness:
    """A depot that remembers what it has written into another."""

    def __init__(self, inner: Depot) -> None:
        self.written: dict[str, Digest] = {}
        self._inner = inner

    @property
    def name(self) -> str:
        """The inner one's."""
        return self._inner.name

    def put(self, key: str, content: Iterable[bytes]) -> int:
        """Write, and remember size and digest."""
        tally = Tally()
        size = self._inner.put(key, tally.through(content))
        self.written[key] = tally.digest
        return size

    def get(self, key: str) -> Iterator[bytes]:
        """Read from the inner one."""
        return self._inner.get(key)

    def keys(self, prefix: str = "") -> list[str]:
        """List the inner one."""
        return self._inner.keys(prefix)

    def sizes(self, prefix: str = "") -> Mapping[str, int]:
        """List the inner one."""
        return self._inner.sizes(prefix)

    def delete(self, key: str) -> None:
        """Remove from the inner one."""
        self._inner.delete(key)


class Draft:
    """What a run writes into. Files may be written from several threads; ``publish`` comes last."""

    def __init__(
        self,
        backup_id: str,
        depot: Depot,
        *,
        compression: Compression = "none",
        keyset: Keyset | None = None,
        finish: Callable[[], None],
        before: Callable[[], None] = lambda: None,
        free_bytes: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.id = backup_id
        self.place = depot.name
        self.compression = compression
        self.key_id = str(keyset.primary) if keyset else ""
        self.free_bytes = free_bytes
        """How much may still be written; ``None`` where nobody knows."""
        self._witness = Witness(depot)
        self._depot: Depot = SealedDepot(self._witness, keyset) if keyset else self._witness
        self._before = before
        self._finish = finish

    def write(self, path: str, content: Iterable[bytes]) -> FileEntry:
        """Write a file; ``path`` is where a plain mongodump directory has it.

        Raises:
            OSError, Unavailable: it could not be written.
        """
        key = f"{self.id}/{path}{SUFFIX[self.compression]}"
        plain = Tally()
        self._depot.put(key, compress(plain.through(content), self.compression))
        stored = self._witness.written[key]
        return FileEntry(
            path=path,
            bytes=plain.digest.bytes,
            sha256=plain.digest.sha256,
            stored_bytes=stored.bytes,
            stored_sha256=stored.sha256,
        )

    def put(self, path: str, content: bytes) -> FileEntry:
        """Write a small file."""
        return self.write(path, [content])

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest, and make the backup appear under its id."""
        self._before()
        self._depot.put(f"{self.id}/{manifest_module.NAME}", [manifest_module.encode(manifest)])
        self._finish()
