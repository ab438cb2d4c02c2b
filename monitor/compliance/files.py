"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from monitor.errors import InputError


def write_whole(target: Path, content: bytes) -> None:
    """Write a file beside its place, then to disk, then into its place: a reader never sees half of it.

    Raises:
        InputError: it cannot be written there; nothing is left behind.
    """
    try:
        _write(target, content)
    except OSError as error:
        raise InputError(
            f"cannot write {target}: {error.strerror}; choose a directory that exists and is yours"
        ) from error


def _write(target: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=target.absolute().parent, prefix=f".{target.name}.", delete=False) as file:
        beside = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            beside.chmod(0o644)
            beside.replace(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
