"""Where backups live. A backup is either there whole or not there at all.

::

    <store>/.lock                     held (flock) by the one process that writes
    <store>/.work.lock, .capture.lock by the one worker, and the one that captures
    <store>/.tmp-<id>/                a backup in the making; whoever takes the lock next removes it
    <store>/<id>/manifest.json        written last
    <store>/<id>/dump/...             mongodump's directory format, each file compressed and sealed
    <store>/verifications/<id>.json   what became of its newest verification
    <store>/marks/<id>.json           whether somebody asked to keep it, who and why
    <store>/oplog/...                 what was written between backups

In a directory, publishing is: fsync every file and directory, rename ``.tmp-<id>`` to ``<id>``, fsync the store. Killed
at any moment, a run leaves either a complete backup or a ``.tmp-`` directory that nobody lists. Directories are 0700,
files 0600. In a bucket (``bucket.py``), what has no manifest is no backup.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from monitor import clock
from monitor.backup import manifest as manifest_module
from monitor.backup.backup_store import BackupStore
from monitor.backup.compression import Compression
from monitor.backup.depot import LocalDepot, make_directories, remove_unfinished, sync_directory, write_new
from monitor.backup.draft import Draft
from monitor.backup.keys import Keyset
from monitor.errors import Busy, InputError

TEMPORARY = ".tmp-"
LOCK = ".lock"


class _Drafting(LocalDepot):
    """The directory of a draft. Nobody lists it before it is renamed, so its files need no names in between."""

    def put(self, key: str, content: Iterable[bytes]) -> int:
        """Write a file that is not there yet."""
        target = self._path(key)
        make_directories(target.parent)
        return write_new(target, content)

    def _path(self, key: str) -> Path:
        return super()._path(f"{TEMPORARY}{key}")


class LocalStore(BackupStore):
    """Backups in a directory of this machine."""

    def __init__(self, directory: Path, keyset: Keyset | None = None) -> None:
        super().__init__(LocalDepot(directory), keyset, may_delete=True)
        self.directory = directory

    def exclusive(self, what: str) -> AbstractContextManager[None]:
        """Hold the lock of the directory; the kernel releases it whatever becomes of us."""
        return self._locked(LOCK, what)

    @contextmanager
    def alone(self, what: str) -> Iterator[Callable[[], None]]:
        """Hold a lock of its own; it cannot be lost."""
        with self._locked(f".{what}{LOCK}", what):
            yield lambda: None

    @contextmanager
    def _locked(self, name: str, what: str) -> Iterator[None]:
        make_directories(self.directory)
        descriptor = os.open(self.directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
                raise Busy(
                    f"{what}: {holder} is writing to {self.directory}; wait until it is done, then run this again"
                ) from None
            self._sign(descriptor, f"{what} (pid {os.getpid()}, since {clock.to_rfc3339(clock.now())})\n")
            yield
        finally:
            os.close(descriptor)

    @staticmethod
    def _sign(descriptor: int, text: str) -> None:
        """Say who holds the lock. Only a courtesy: on a full disk the lock holds without it."""
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, text.encode(), 0)
        except OSError:
            return

    @contextmanager
    def draft(self, backup_id: str, compression: Compression = "none") -> Iterator[Draft]:
        """Make a directory for a new backup; what was not published is removed. Hold ``exclusive``."""
        root = self.directory / f"{TEMPORARY}{backup_id}"

        def finish() -> None:
            for directory, _, _ in os.walk(root, topdown=False):
                sync_directory(Path(directory))
            root.rename(self.directory / backup_id)
            sync_directory(self.directory)

        def free_bytes() -> int:
            disk = os.statvfs(root)
            return disk.f_bavail * disk.f_frsize

        try:
            root.mkdir(mode=0o700)  # within, for whoever is told to stop right after it
            yield Draft(
                backup_id,
                _Drafting(self.directory),
                compression=compression,
                keyset=self.keyset,
                finish=finish,
                free_bytes=free_bytes,
            )
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def remove_leftovers(self) -> tuple[str, ...]:
        """Remove what killed runs left behind.

        Only what has the name of a draft: the directory may be somebody's, who has a ``.tmp-`` of his own in it.
        """
        names = sorted(path.name.removeprefix(TEMPORARY) for path in self.directory.glob(f"{TEMPORARY}*"))
        leftovers = tuple(name for name in names if manifest_module.is_backup_id(name))
        remove_unfinished(self.directory)
        for backup_id in leftovers:
            shutil.rmtree(self.directory / f"{TEMPORARY}{backup_id}", ignore_errors=True)
        return leftovers

    @contextmanager
    def reading(self, backup_id: str) -> Iterator[Path]:
        """Keep a backup from being removed while it is read."""
        path = self.path(backup_id)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield path
        finally:
            os.close(descriptor)

    def remove(self, backup_id: str) -> bool:
        """Delete a backup. First it stops being one, in one step; then its files go."""
        path = self.path(backup_id)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            doomed = self.directory / f"{TEMPORARY}{backup_id}"
            path.rename(doomed)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        sync_directory(self.directory)
        shutil.rmtree(doomed, ignore_errors=True)
        return True

    def path(self, backup_id: str) -> Path:
        """Return a backup's directory.

        Raises:
            InputError: there is no such backup.
        """
        self.refuse_unknown(backup_id)
        return self.directory / backup_id

    def ids(self) -> tuple[str, ...]:
        """Return the ids of what is there, oldest first; also of a directory that holds nothing."""
        try:
            names = [entry.name for entry in os.scandir(self.directory) if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise InputError(f"cannot read the backup store {self.directory}: {error.strerror}") from error
        return tuple(sorted(name for name in names if manifest_module.is_backup_id(name)))
