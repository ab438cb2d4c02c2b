"""Where objects lie: a directory of this machine, a bucket elsewhere. Each object is there whole, or not at all."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from monitor.addresses import WRITING, check_key
from monitor.errors import InputError

CHUNK = 1024 * 1024
"""Bytes that are read at a time."""
UNFINISHED_AFTER_S = 24 * 3600
"""Seconds after its last byte that a file which is being written counts as given up."""
NO_FILE = -1
"""The size of what stands where an object should be, and is a link, a pipe or the like."""


class Damaged(InputError):  # noqa: N818  # reads as the sentence it is
    """An object is there, but is not what was put: changed, cut off, another one's, or sealed with an unknown key."""


class Depot(Protocol):
    """Objects by key: relative paths, parts separated by ``/``, none of them empty, ``.`` or ``..``.

    Every method may raise ``Unavailable`` (the place does not answer: another try may help), ``InputError`` (it
    refuses, or the key is none) or, where it is a directory, ``OSError``.
    """

    @property
    def name(self) -> str:
        """What messages call it; holds no secret."""

    def put(self, key: str, content: Iterable[bytes]) -> int:
        """Write an object, durably, and return its size in bytes. An object that is there already is replaced."""

    def get(self, key: str) -> Iterator[bytes]:
        """Read an object.

        Raises:
            KeyError: there is none of that key.
        """

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin so, sorted."""

    def sizes(self, prefix: str = "") -> Mapping[str, int]:
        """Return the same keys, each with the size of what is stored, in bytes."""

    def delete(self, key: str) -> None:
        """Remove an object; none of that key is no error."""


class LocalDepot:
    """Objects as files below a directory. Directories are 0700, files 0600."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def name(self) -> str:
        """The directory."""
        return str(self.directory)

    def put(self, key: str, content: Iterable[bytes]) -> int:
        """Write beside the target, fsync, rename, fsync the directory."""
        target = self._path(key)
        make_directories(target.parent)
        temporary = target.with_name(f"{WRITING}{secrets.token_hex(8)}")
        try:
            written = write_new(temporary, content)
            temporary.rename(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(target.parent)
        return written

    def get(self, key: str) -> Iterator[bytes]:
        """Read a file; what is no regular file is no object."""
        path = self._path(key)
        try:
            # Not waiting: a named pipe in its place would hold the reader up for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise KeyError(key) from None
        return _chunks(descriptor)

    def keys(self, prefix: str = "") -> list[str]:
        """Walk the directory; what is being written is not listed."""
        return sorted(self.sizes(prefix))

    def sizes(self, prefix: str = "") -> Mapping[str, int]:
        """Walk the directory; a link to a directory is told as one of its files, and not followed."""
        found: dict[str, int] = {}
        for folder, folders, files in os.walk(self.directory / prefix.rpartition("/")[0]):
            place = Path(folder).relative_to(self.directory).as_posix()
            below = "" if place == "." else f"{place}/"
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            folders[:] = [name for name in folders if _may_hold(f"{below}{name}/", prefix)]
            for name in (*files, *links):
                if f"{below}{name}".startswith(prefix) and not name.startswith(WRITING):
                    found[f"{below}{name}"] = _size(Path(folder) / name)
        return found

    def delete(self, key: str) -> None:
        """Unlink, and make that durable."""
        path = self._path(key)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        sync_directory(path.parent)

    def _path(self, key: str) -> Path:
        return self.directory / check_key(key)


def write_new(path: Path, content: Iterable[bytes]) -> int:
    """Write a file that must not be there yet, make its bytes durable, and return how many they are."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    written = 0
    # Without a buffer: what did not get onto a full disk must not be tried again by closing.
    with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as file:
        for chunk in content:
            left = memoryview(chunk)
            while left:
                left = left[file.write(left) :]
            written += len(chunk)
        os.fsync(file.fileno())
    return written


def remove_unfinished(directory: Path) -> None:
    """Remove what writers left that were killed: nobody has written to it for a day."""
    limit = time.time() - UNFINISHED_AFTER_S
    for file in directory.rglob(f"{WRITING}*"):
        # Whoever wrote it may just have given it its name.
        with suppress(OSError):
            if file.lstat().st_mtime < limit:
                file.unlink()


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


def _may_hold(folder: str, prefix: str) -> bool:
    return folder.startswith(prefix) or prefix.startswith(folder)


def _size(path: Path) -> int:
    try:
        found = path.lstat()
    except OSError:
        return NO_FILE
    return found.st_size if stat.S_ISREG(found.st_mode) else NO_FILE


def _chunks(descriptor: int) -> Iterator[bytes]:
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk
