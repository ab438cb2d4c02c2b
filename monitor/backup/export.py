"""Writes a backup out as a directory of mongodump's, plain or with every file gzipped, which stock tools read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from monitor.backup.backup_store import BackupStore
from monitor.backup.compression import SUFFIX, Compression, compress
from monitor.backup.depot import CHUNK, make_directories, write_new
from monitor.backup.progress import Progress, ShowProgress, quiet
from monitor.backup.staging import staged
from monitor.errors import InputError


def export(
    store: BackupStore, backup_id: str, out: Path, *, gzip: bool = False, progress: ShowProgress = quiet
) -> None:
    """Write a backup to ``out``, which must not be there yet; it appears when all of it is checked and written.

    With ``gzip`` every file gets ``.gz``, as ``mongorestore --gzip`` wants it.

    Raises:
        InputError: there is something at ``out`` already, no such backup, or it is damaged.
        NoKey: it is sealed with a key that is not at hand.
        Unavailable: the storage does not answer, or there is no room.
        OSError: ``out`` cannot be written.
    """
    out = out.absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"backup export: {out} is there already: name a directory that is not, or is empty")
    how: Compression = "gzip" if gzip else "none"
    make_directories(out.parent)
    unfinished = out.with_name(f".{out.name}.unfinished")
    with staged(store, backup_id, out.parent, progress=progress) as dump:
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            files, done = _files(dump), 0
            for path, size in files:
                target = unfinished / f"{path}{SUFFIX[how]}"
                make_directories(target.parent)
                write_new(target, compress(_chunks(dump / path), how))
                done += size
                progress(Progress(step="writing", done=done, total=sum(size for _, size in files)))
            unfinished.rename(out)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _files(dump: Path) -> list[tuple[str, int]]:
    found = (path for path in sorted(dump.rglob("*")) if path.is_file())
    return [(path.relative_to(dump).as_posix(), path.stat().st_size) for path in found]


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk
