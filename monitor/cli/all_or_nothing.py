"""Writing many files such that all of them are new or all are as they were, but for a failure between two renames."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from monitor.errors import InputError


def replace(files: Mapping[Path, str], remove: Iterable[Path] = ()) -> None:
    """Write all of these files and remove those others.

    Each text is first written beside its target. What usually fails (a folder that is a file, a full disk, missing
    rights) fails there, while nothing has changed; then all of it goes to disk, and the files only change names.

    Raises:
        InputError: something could not be written; nothing was, unless it was a rename that failed.
    """
    waiting: list[tuple[Path, Path]] = []
    made: list[Path] = []
    known: set[Path] = set()
    path, run = Path(), secrets.token_hex(8)
    try:
        for path, text in files.items():
            if path.parent not in known:
                made += _make_folder(path.parent)
                known.add(path.parent)
            waiting.append((_written_beside(path, text, f".monitor-generate-{run}-{len(waiting)}"), path))
        os.sync()  # once: to wait for each of seven thousand files takes longer than to make them
        while waiting:
            temporary, path = waiting[-1]
            temporary.replace(path)
            waiting.pop()
        for path in remove:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}: choose another place by --out") from error
    finally:
        _undo(waiting, made)


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it; returns those that were not there, the outermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _written_beside(path: Path, text: str, name: str) -> Path:
    if path.is_dir():
        raise IsADirectoryError(0, "is a directory")
    temporary = path.with_name(name)
    with temporary.open("xb") as file:
        try:
            file.write(text.encode())
            os.fchmod(file.fileno(), 0o644)
            file.flush()
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return temporary


def _undo(waiting: Iterable[tuple[Path, Path]], made: Iterable[Path]) -> None:
    """Remove what was written and not renamed, and the folders that were made for it and are empty."""
    for temporary, _ in waiting:
        temporary.unlink(missing_ok=True)
    if waiting:
        for folder in reversed(list(made)):
            try:
                folder.rmdir()
            except OSError:
                break
