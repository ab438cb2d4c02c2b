"""The directory that backups live in. A backup is either there whole or not there at all.

::

    <store>/.lock               held (flock) by the one process that writes
    <store>/.tmp-<id>/          a backup in the making; whoever takes the lock next removes it
    <store>/<id>/manifest.json  written last
    <store>/<id>/dump/          what mongorestore reads

Publishing is: fsync every file and directory, rename ``.tmp-<id>`` to ``<id>``, fsync the store. Killed at any moment,
a run leaves either a complete backup or a ``.tmp-`` directory that nobody lists. Directories are 0700, files 0600.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor import clock
from monitor.backup import manifest as manifest_module
from monitor.backup.model import FileEntry, ListedBackup, Manifest
from monitor.errors import InputError, Unsafe

TEMPORARY = ".tmp-"
LOCK = ".lock"


class HashedFile:
    """A new file that is hashed while it is written. ``close`` makes it durable and returns its entry."""

    def __init__(self, root: Path, path: str) -> None:
        self.path = path
        self.bytes = 0
        self._sha256 = hashlib.sha256()
        target = root / path
        make_directories(target.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(target, flags, 0o600), "wb")

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            OSError: the disk is full, say.
        """
        self._file.write(data)
        self._sha256.update(data)
        self.bytes += len(data)

    def close(self) -> FileEntry:
        """Flush to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return FileEntry(path=self.path, bytes=self.bytes, sha256=self._sha256.hexdigest())

    def abandon(self) -> None:
        """Close without a promise; the draft it belongs to is going away."""
        try:
            self._file.close()
        except OSError:
            # What stayed in the buffer of a full disk cannot be flushed, and need not be.
            return


class Draft:
    """A backup in the making, in ``.tmp-<id>``."""

    def __init__(self, store: Path, backup_id: str) -> None:
        self.id = backup_id
        self.root = store / f"{TEMPORARY}{backup_id}"
        self._store = store

    def put(self, path: str, content: bytes) -> FileEntry:
        """Write a small file."""
        file = HashedFile(self.root, path)
        try:
            file.write(content)
            return file.close()
        finally:
            file.abandon()

    def free_bytes(self) -> int:
        """How much this user may still write to the disk below."""
        disk = os.statvfs(self.root)
        return disk.f_bavail * disk.f_frsize

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest and make the backup appear under its id, all of it durable."""
        self.put(manifest_module.NAME, manifest_module.encode(manifest))
        for directory, _, _ in os.walk(self.root, topdown=False):
            sync_directory(Path(directory))
        self.root.rename(self._store / self.id)
        sync_directory(self._store)


class LocalStore:
    """Backups in a directory of this machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def exclusive(self, what: str) -> Iterator[None]:
        """Be the only writer; ``what`` is shown to whoever comes second.

        Raises:
            Unsafe: another process is writing here.
            OSError: the directory cannot be made or written.
        """
        make_directories(self.directory)
        descriptor = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
                raise Unsafe(
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
    def draft(self, backup_id: str) -> Iterator[Draft]:
        """Make room for a new backup; what was not published is removed. Hold ``exclusive``."""
        draft = Draft(self.directory, backup_id)
        draft.root.mkdir(mode=0o700)
        try:
            yield draft
        finally:
            shutil.rmtree(draft.root, ignore_errors=True)

    def remove_leftovers(self) -> tuple[str, ...]:
        """Remove what killed runs left behind, and return their ids. Hold ``exclusive``.

        Only what has the name of a draft: the directory may be somebody's, who has a ``.tmp-`` of his own in it.
        """
        names = sorted(path.name.removeprefix(TEMPORARY) for path in self.directory.glob(f"{TEMPORARY}*"))
        leftovers = tuple(name for name in names if manifest_module.is_backup_id(name))
        for backup_id in leftovers:
            shutil.rmtree(self.directory / f"{TEMPORARY}{backup_id}", ignore_errors=True)
        return leftovers

    @contextmanager
    def reading(self, backup_id: str) -> Iterator[Path]:
        """Keep a backup from being removed while it is read.

        Raises:
            InputError: there is no such backup.
        """
        path = self.path(backup_id)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield path
        finally:
            os.close(descriptor)

    def remove(self, backup_id: str) -> bool:
        """Delete a backup, unless somebody is reading it. Hold ``exclusive``.

        First it stops being one, in one step; then its files go.
        """
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
        path = self.directory / backup_id
        if backup_id not in self.ids():
            raise InputError(f"there is no backup {backup_id!r} in {self.directory}: `monitor backup list` shows them")
        return path

    def ids(self) -> tuple[str, ...]:
        """Return the ids of what is there, oldest first."""
        try:
            names = [entry.name for entry in os.scandir(self.directory) if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise InputError(f"cannot read the backup store {self.directory}: {error.strerror}") from error
        return tuple(sorted(name for name in names if manifest_module.is_backup_id(name)))

    def newest(self) -> str:
        """Return the newest backup's id.

        Raises:
            InputError: there is none.
        """
        ids = self.ids()
        if not ids:
            raise InputError(f"there is no backup in {self.directory}: `monitor backup run` takes one")
        return ids[-1]


def list_backups(directory: Path) -> tuple[ListedBackup, ...]:
    """Return the backups in a store, newest first, judged by manifest and file sizes.

    Raises:
        InputError: the store cannot be read.
    """
    store = LocalStore(directory)
    return tuple(_judge(directory / backup_id) for backup_id in reversed(store.ids()))


def _judge(path: Path) -> ListedBackup:
    try:
        manifest = manifest_module.load(path)
    except FileNotFoundError:
        return ListedBackup(id=path.name, state="incomplete", reason="it has no manifest.json")
    except manifest_module.ManifestError as error:
        return ListedBackup(id=path.name, state="damaged", reason=str(error))
    except OSError as error:
        return ListedBackup(id=path.name, state="damaged", reason=f"cannot read manifest.json: {error.strerror}")
    wrong = [file.path for file in manifest.files if _size(path / file.path) != file.bytes]
    return ListedBackup(
        id=path.name,
        state="damaged" if wrong else "complete",
        reason=f"missing or of another size: {wrong[0]}" + (f" and {len(wrong) - 1} more" if wrong[1:] else "")
        if wrong
        else "",
        type=manifest.type,
        at=manifest.started_at,
        bytes=manifest.bytes,
        documents=manifest.documents,
        collections=len(manifest.collections),
        recovery_point=manifest.recovery_point.at,
    )


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except OSError:
        return None


def make_directories(path: Path) -> None:
    """Make a directory and its parents, each 0700 where it is new."""
    if path.is_dir():
        return
    make_directories(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
