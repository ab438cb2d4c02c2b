"""Writing many files such that all of them are new or all are as they were, but for a failure between two renames."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from monitor.errors import InputError

MODE, UMASK = 0o644, 0o022
"""Everybody may read: Prometheus and Grafana run as others."""


def replace(files: Mapping[str, str], remove: Iterable[Path] = ()) -> None:
    """Write all of these files and remove those others, by path.

    Each text is first written beside its target. What usually fails (a folder that is a file, a full disk, missing
    rights) fails there, while nothing has changed; then all of it goes to disk, and files only change names. A folder
    that is not there yet is made beside its place, with all that is to be in it, and changes its name as a whole.

    Raises:
        InputError: something could not be written; nothing was, unless it was a rename that failed.
    """
    waiting, path = _Waiting(), ""
    try:
        with _readable():
            for path, text in files.items():
                _write(waiting.place(path), text)
        os.sync()  # once: to wait for each of seven thousand files takes longer than to make them
        for temporary, path in list(waiting.targets.items()):
            Path(temporary).replace(path)
            del waiting.targets[temporary]
        for path in map(str, remove):
            Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}: choose another place by --out") from error
    finally:
        waiting.undo()


@dataclass(slots=True)
class _Waiting:
    """What was written and waits to be moved to its place: files, and whole folders."""

    run: str = field(default_factory=lambda: secrets.token_hex(8))
    targets: dict[str, str] = field(default_factory=dict)
    """Where each is to go to, by where it is."""
    folders: dict[str, str] = field(default_factory=dict)
    """Where the files of a folder are written, and whether that is moved as a whole, by folder."""

    def place(self, path: str) -> str:
        """Where a file is to be written."""
        folder, slash, name = path.rpartition("/")
        if folder not in self.folders:
            self.folders[folder] = self._folder(folder)
        if (beside := self.folders[folder]) != folder:
            return f"{beside}/{name}"
        if Path(path).is_dir():
            raise IsADirectoryError(0, "is a directory")
        return self._beside(folder + slash, path)

    def undo(self) -> None:
        """Remove what was not moved."""
        for temporary in map(Path, self.targets):
            if temporary.is_dir():
                shutil.rmtree(temporary)
            elif temporary.exists():
                temporary.unlink()

    def _folder(self, folder: str) -> str:
        """Where the files of a folder are written: there, or where it is made if it is missing."""
        if not folder or Path(folder).exists():
            return folder
        above, slash, name = folder.rpartition("/")
        if above not in self.folders:
            self.folders[above] = self._folder(above)
        inside = self.folders[above]
        made = f"{inside}/{name}" if inside != above else self._beside(above + slash, folder)
        Path(made).mkdir()
        return made

    def _beside(self, folder: str, path: str) -> str:
        temporary = f"{folder}.monitor-generate-{self.run}-{len(self.targets)}"
        self.targets[temporary] = path
        return temporary


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever is made may be read by everybody, whoever's shell this is."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def _write(path: str, text: str) -> None:
    """Write a new file, by the system's own calls: there are thousands of them."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    try:
        rest = memoryview(text.encode())
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)
