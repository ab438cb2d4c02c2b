"""The plain mongodump directory of a backup, whatever way it is stored: every byte checked before any is used.

Decryption yields plaintext before it meets the fault, and a compressed stream may swell: so nothing is loaded before
size and digest of what was staged are those of the manifest. A plain backup in a directory is checked where it lies.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from monitor.backup import manifest as manifest_module
from monitor.backup import scratch
from monitor.backup.backup_store import BackupStore
from monitor.backup.compression import decompress
from monitor.backup.depot import NO_FILE, Damaged, make_directories
from monitor.backup.model import FileEntry, Manifest
from monitor.backup.progress import Progress, ShowProgress, quiet
from monitor.backup.sealed import SealedDepot
from monitor.backup.storage import LocalStore
from monitor.backup.streams import Digest, Tally
from monitor.errors import Fault, InputError, Unavailable

Report = Callable[[Fault], None]


class BackupDamaged(InputError):  # noqa: N818  # reads as the sentence it is
    """A backup is not what was written; ``faults`` says where."""

    def __init__(self, backup_id: str, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        more = f" (and {len(faults) - 1} more)" if faults[1:] else ""
        super().__init__(f"backup {backup_id} is damaged: {faults[0]}{more}")


@contextmanager
def staged(store: BackupStore, backup_id: str, parent: Path, *, progress: ShowProgress = quiet) -> Iterator[Path]:
    """Yield the plain dump directory of a backup: below ``parent``, unless it lies plain in a directory already.

    Raises:
        BackupDamaged: something of it is not as it was written.
        NoKey: it is sealed with a key that is not at hand.
        InputError: there is no such backup.
        Unavailable: the storage does not answer, or there is no room below ``parent``.
    """
    faults: list[Fault] = []
    with store.reading(backup_id):
        manifest = read_manifest(store, backup_id, faults.append)
        if manifest is None:
            raise BackupDamaged(backup_id, tuple(faults))
        with staging_place(store, manifest, parent) as (root, into):
            check_files(store, manifest, faults.append, progress=progress, into=into)
            if faults:
                raise BackupDamaged(backup_id, tuple(faults))
            yield root / manifest_module.DUMP


def read_manifest(store: BackupStore, backup_id: str, report: Report) -> Manifest | None:
    """Read a manifest; if it cannot be trusted, report why and return ``None``.

    Raises:
        NoKey, Unavailable: nothing can be said of it.
    """
    try:
        return store.manifest(backup_id)
    except KeyError:
        report(Fault(file=manifest_module.NAME, code="missing", message="it is not there: the backup is incomplete"))
    except (manifest_module.ManifestError, Damaged) as error:
        why = str(error).removeprefix(f"{store.name}/").removeprefix(f"{backup_id}/{manifest_module.NAME}").lstrip(": ")
        report(Fault(file=manifest_module.NAME, code="damaged", message=why))
    except OSError as error:
        report(Fault(file=manifest_module.NAME, code="unreadable", message=f"it cannot be read: {error.strerror}"))
    return None


@contextmanager
def staging_place(store: BackupStore, manifest: Manifest, parent: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield where the plain backup will be, and the same as what to write into, unless it is there already."""
    if isinstance(store, LocalStore) and not manifest.key_id and manifest.compression == "none":
        yield store.directory / manifest.id, None
        return
    refuse_a_small_disk(parent, manifest.bytes)
    with scratch.private_directory(parent) as directory:
        yield directory, directory


def check_files(
    store: BackupStore,
    manifest: Manifest,
    report: Report,
    *,
    progress: ShowProgress = quiet,
    into: Path | None = None,
) -> None:
    """Compare every file of a backup with its manifest, and write it out plain ``into`` a directory, if one is given.

    Raises:
        NoKey, Unavailable: nothing can be said of a file, or it cannot be written out.
    """
    there = store.stored.sizes(f"{manifest.id}/")
    done = 0
    for entry in manifest.files:
        fault = _check_file(store, manifest, entry, there, into)
        if fault is not None:
            report(fault)
        done += entry.bytes
        progress(Progress(step="checking files", done=done, total=manifest.bytes))
    known = {manifest.stored_path(entry) for entry in manifest.files} | {manifest_module.NAME}
    for surplus in sorted({key.removeprefix(f"{manifest.id}/") for key in there} - known):
        report(Fault(file=surplus, code="surplus", message="it is not in the manifest: it was added afterwards"))


def _check_file(
    store: BackupStore, manifest: Manifest, entry: FileEntry, there: Mapping[str, int], into: Path | None
) -> Fault | None:
    name = manifest.stored_path(entry)
    key = f"{manifest.id}/{name}"
    if there.get(key) == NO_FILE:
        # A link may lead anywhere, and reading a named pipe would wait for ever.
        return Fault(file=name, code="changed", message="it is a symbolic link now, or a special file")
    stored, plain, wrong = Tally(), Tally(), ""
    try:
        stream = stored.through(store.stored.get(key))
        try:
            _write_out(plain.through(_plain(store, manifest, key, stream)), entry, into)
        except Damaged as error:
            wrong = str(error).removeprefix(f"{key} ")
        except ValueError as error:
            wrong = f"it cannot be unpacked: {error}"
        for _ in stream:
            # The rest counts too: it tells whether the fault is in the storage.
            pass
    except KeyError:
        return Fault(file=name, code="missing", message="it is not there")
    except OSError as error:
        return Fault(file=name, code="unreadable", message=f"it cannot be read: {error.strerror}")
    why = _difference(entry, stored.digest, plain.digest, wrong)
    return Fault(file=name, code="changed", message=why) if why else None


def _difference(entry: FileEntry, stored: Digest, plain: Digest, wrong: str) -> str:
    """Say how what was read differs from what was written; empty where it does not."""
    if stored.bytes != entry.stored_bytes:
        return f"it has {stored.bytes} bytes, {entry.stored_bytes} were written"
    if stored.sha256 != entry.stored_sha256:
        return "its content is not what was written (SHA-256 differs)"
    if wrong or plain != Digest(entry.bytes, entry.sha256):
        return wrong or "what it holds is not what was read from the database (SHA-256 differs)"
    return ""


def _plain(store: BackupStore, manifest: Manifest, key: str, stream: Iterator[bytes]) -> Iterator[bytes]:
    if manifest.key_id:
        assert isinstance(store.depot, SealedDepot), "a sealed manifest was opened"
        stream = store.depot.opened(key, stream)
    return decompress(stream, manifest.compression)


def _write_out(content: Iterable[bytes], entry: FileEntry, into: Path | None) -> None:
    """Write a file, or only let it pass."""
    if into is None:
        for _ in content:
            pass
        return
    target = into / entry.path
    try:
        make_directories(target.parent)
        file = target.open("xb")
    except OSError as error:
        raise _no_room(into, error) from error
    with file:
        # No more than was promised: what swells beyond it is a fault, and must not fill the disk.
        left = entry.bytes
        for chunk in content:
            try:
                file.write(chunk[: max(0, left)])
            except OSError as error:
                raise _no_room(into, error) from error
            left -= len(chunk)
            if left < 0:
                raise ValueError("it holds more than was written")


def _no_room(into: Path, error: OSError) -> Unavailable:
    return Unavailable(f"cannot unpack below {into.parent}: {error.strerror}")


def refuse_a_small_disk(directory: Path, needed: int) -> None:
    """Stop before filling a disk.

    Raises:
        Unavailable: there is less room than is needed.
    """
    try:
        disk = os.statvfs(directory)
    except OSError as error:
        raise Unavailable(f"cannot restore below {directory}: {error.strerror}") from error
    free = disk.f_bavail * disk.f_frsize
    if free < needed:
        raise Unavailable(
            f"restoring needs about {needed / 1e6:.0f} MB, but {directory} has {free / 1e6:.0f} MB left: "
            "name a directory with more room by --scratch"
        )
