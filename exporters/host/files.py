"""Reads the kernel's small files again and again, through descriptors that stay open."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

KEPT = 128
"""Most descriptors that one tree may hold; what comes after is opened and closed each time."""
_CHUNK = 1 << 16


class Files:
    """The files below one root. None of them touches a disk, so they are read where they are needed."""

    def __init__(self, root: Path) -> None:
        self.root = f"{root}/"
        """With the slash that a file's name goes behind."""
        self._kept: dict[str, int] = {}

    def read(self, name: str) -> str:
        """Return a file's text as it is now.

        Raises:
            OSError: there is none, or it cannot be read.
        """
        descriptor = self._kept.get(name)
        if descriptor is not None:
            try:
                return _read(descriptor)
            except OSError:
                # What it stood for is gone (an interface); there may be another one by that name.
                self.forget((name,))
        return self._open_and_read(name)

    def forget(self, names: Iterable[str]) -> None:
        """Close what is not needed any more."""
        for name in names:
            if (descriptor := self._kept.pop(name, None)) is not None:
                os.close(descriptor)

    def close(self) -> None:
        """Close everything."""
        self.forget(tuple(self._kept))

    def _open_and_read(self, name: str) -> str:
        descriptor = os.open(self.root + name, os.O_RDONLY | os.O_CLOEXEC)
        kept = False
        try:
            text = _read(descriptor)
            if kept := len(self._kept) < KEPT:
                self._kept[name] = descriptor
            return text
        finally:
            if not kept:
                os.close(descriptor)


def read_once(path: str) -> str:
    """Return the text of a file that will not be read again and again.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _read(descriptor)
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> str:
    """Read from the beginning: the kernel then writes the text anew. It may come in several pieces."""
    text = piece = os.pread(descriptor, _CHUNK, 0)
    while piece:
        piece = os.pread(descriptor, _CHUNK, len(text))
        text += piece
    return text.decode("utf-8", "replace")
