"""The files that settings name: read where nobody waits for a slow disk, used where clients are built.

Clients have to be built on the event loop, and a file may lie on a mount whose server is gone. So a reload first reads
all files in a thread, and while it builds, what was read stands in for the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from errno import EINVAL
from pathlib import Path

Contents = Mapping[Path, bytes | OSError]
"""What each file holds, or why it cannot be read."""

_KNOWN: ContextVar[Contents | None] = ContextVar("known", default=None)


def read(files: Iterable[Path]) -> Contents:
    """Read them all. Blocks, maybe for ever."""
    return {file: _read(file) for file in dict.fromkeys(files)}


@contextmanager
def known(contents: Contents) -> Iterator[None]:
    """Let ``contents`` stand in for the files in the body, which must not wait for anything."""
    token = _KNOWN.set(contents)
    try:
        yield
    finally:
        _KNOWN.reset(token)


def content(file: Path) -> bytes:
    """Return what was read of it, or read it now, where nothing was.

    Raises:
        OSError: it cannot be read.
    """
    contents = _KNOWN.get()
    found = contents[file] if contents is not None and file in contents else _read(file)
    if isinstance(found, OSError):
        raise found.with_traceback(None)
    return found


def certificates(file: Path) -> str:
    """Return a file of PEM certificates as ``ssl`` takes it; comments in it may be in any language.

    Raises:
        OSError: it cannot be read, or holds none.
    """
    found = content(file).decode("ascii", "ignore")
    if "-----BEGIN" not in found:  # with an empty text, ssl would trust the system's authorities instead
        raise OSError(EINVAL, "there is no certificate in it")
    return found


def _read(file: Path) -> bytes | OSError:
    try:
        return file.read_bytes()
    except OSError as error:
        return error
