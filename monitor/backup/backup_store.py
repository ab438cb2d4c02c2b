"""What every store of backups can do, whatever it lies in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice

from monitor.backup import manifest as manifest_module
from monitor.backup.compression import Compression
from monitor.backup.depot import CHUNK, Damaged, Depot
from monitor.backup.draft import Draft
from monitor.backup.keys import Keyset
from monitor.backup.model import Manifest
from monitor.backup.sealed import NoKey, SealedDepot, split
from monitor.errors import InputError

CENTURIES = "2"
"""How the id of every backup begins, for it begins with its year: other objects of the store need not be listed."""
LARGEST = 2 * manifest_module.MAX_BYTES
"""Of a stored manifest: what is longer is cut, and so found damaged."""


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
            Busy: another process is writing here.
            OSError, Unavailable: the store cannot be written.
        """

    @abstractmethod
    def alone(self, what: str) -> AbstractContextManager[Callable[[], None]]:
        """Be the only one at ``what`` (a word) with this store, on whatever machine.

        Gives what raises ``Unavailable`` once that is not sure any more; call it before each step of long work.

        Raises:
            Busy: another is at it.
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
        content = b"".join(islice(self.stored.get(key), LARGEST // CHUNK))
        key_id, _ = split(iter([content]))
        found = manifest_module.parse(self._opened(key, content, key_id), backup_id, self.name)
        if found.key_id != ("" if key_id is None else str(key_id)):
            raise manifest_module.ManifestError(f"{key} says of itself that it is sealed in another way than it is")
        return found

    def _opened(self, key: str, content: bytes, key_id: int | None) -> Iterator[bytes]:
        if key_id is None:
            return iter([content])
        if not isinstance(self.depot, SealedDepot):
            raise NoKey(f"{key} is sealed with the key {key_id}: set backup_keyset_file")
        if key_id not in self.depot.keyset.ids and self.depot.opens_with_any(key, content):
            # It is its head that was changed.
            raise Damaged(f"{key} names another key than it is sealed with: it was changed")
        return self.depot.opened(key, iter([content]))
