"""Where objects lie: a directory of this machine, a bucket elsewhere. Each object is there whole, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from monitor.backup.storage import make_directories, sync_directory
from monitor.errors import InputError

CHUNK = 1024 * 1024
"""Bytes that are read at a time."""
WRITING = ".writing-"
"""How the name of an object begins while it is written. Nobody lists those."""


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
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        written = 0
        try:
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
                for chunk in content:
                    written += file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
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
        found = []
        for folder, _, files in os.walk(self.directory / prefix.rpartition("/")[0]):
            below = Path(folder).relative_to(self.directory).as_posix()
            names = (name for name in files if not name.startswith(WRITING))
            found += [name if below == "." else f"{below}/{name}" for name in names]
        return sorted(key for key in found if key.startswith(prefix))

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


def check_key(key: str) -> str:
    """Return a key that stays within its depot.

    Raises:
        InputError: it does not.
    """
    parts = key.split("/")
    plain = PurePosixPath(key).as_posix() == key and "\0" not in key
    if not plain or any(part in {"", ".", ".."} or part.startswith(WRITING) for part in parts):
        raise InputError(f"{key[:200]!r} is no key of an object")
    return key


def _chunks(descriptor: int) -> Iterator[bytes]:
    with os.fdopen(descriptor, "rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
