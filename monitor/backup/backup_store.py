"""What every store of backups can do, whatever it lies in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from monitor.backup import manifest as manifest_module
from monitor.backup.compression import Compression
from monitor.backup.depot import Damaged, Depot
from monitor.backup.draft import Draft
from monitor.backup.keys import Keyset
from monitor.backup.model import Manifest
from monitor.backup.sealed import NoKey, SealedDepot, sealed_with
from monitor.errors import InputError


class BackupStore(ABC):
    """Backups in a depot.

    ``stored`` is what lies there, ``depot`` the same with everything sealed, if there are keys.
    ``may_delete``: whether this identity may.
    """

    def __init__(self, stored: Depot, keyset: Keyset | None, *, may_delete: bool) -> None:
        self.may_delete = may_delete
        self.stored = stored
        self.keyset = keyset
        self.depot: Depot = SealedDepot(stored, keyset) if keyset else stored

    @property
    def name(self) -> str:
        """The directory, or the bucket with its prefix."""
        return self.stored.name

    @abstractmethod
    def exclusive(self, what: str) -> AbstractContextManager[None]:
        """Be the only writer; ``what`` is shown to whoever comes second.

        Raises:
            Unsafe: another process is writing here.
            OSError, Unavailable: the store cannot be written.
        """

    @abstractmethod
    def draft(self, backup_id: str, compression: Compression = "none") -> AbstractContextManager[Draft]:
        """Make room for a new backup; what was not published is no backup. Hold ``exclusive``."""

    @abstractmethod
    def remove_leftovers(self) -> tuple[str, ...]:
        """Remove what killed runs left behind, and return their ids. Hold ``exclusive``."""

    @abstractmethod
    def reading(self, backup_id: str) -> AbstractContextManager[object]:
        """Keep a backup from being removed while it is read, where that can be done.

        Raises:
            InputError: there is no such backup.
        """

    @abstractmethod
    def remove(self, backup_id: str) -> bool:
        """Delete a backup, unless somebody is reading it. Hold ``exclusive``."""

    @abstractmethod
    def ids(self) -> tuple[str, ...]:
        """Return the ids of what is there, oldest first."""

    def newest(self) -> str:
        """Return the newest backup's id.

        Raises:
            InputError: there is none.
        """
        ids = self.ids()
        if not ids:
            raise InputError(f"there is no backup in {self.name}: `monitor backup run` takes one")
        return ids[-1]

    def refuse_unknown(self, backup_id: str) -> None:
        """Make sure that there is such a backup.

        Raises:
            InputError: there is none.
        """
        if backup_id not in self.ids():
            raise InputError(f"there is no backup {backup_id!r} in {self.name}: `monitor backup list` shows them")

    def opened(self, manifest: Manifest) -> Depot:
        """Return the depot through which the files of a backup are read."""
        return self.depot if manifest.key_id else self.stored

    def manifest(self, backup_id: str) -> Manifest:
        """Read a backup's manifest. One from before there were keys is read as well, and says that it is not sealed.

        Raises:
            KeyError: there is none.
            NoKey: it is sealed with a key that is not at hand.
            ManifestError, Damaged: it cannot be trusted.
            OSError, Unavailable: it cannot be read.
        """
        key = f"{backup_id}/{manifest_module.NAME}"
        key_id = sealed_with(self.stored, key)
        if key_id is not None and self.keyset is None:
            raise NoKey(f"{key} is sealed with the key {key_id}: set backup_keyset_file")
        try:
            found = manifest_module.read(self.stored if key_id is None else self.depot, backup_id)
        except NoKey:
            # Where another of our keys opens it, it is its head that was changed.
            assert isinstance(self.depot, SealedDepot)
            if self.depot.opens_with_any(key):
                raise Damaged(f"{key} names another key than it is sealed with: it was changed") from None
            raise
        if found.key_id != ("" if key_id is None else str(key_id)):
            raise manifest_module.ManifestError(f"{key} says of itself that it is sealed in another way than it is")
        return found
