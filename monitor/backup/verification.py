"""``monitor backup verify``: proves that a backup can be restored, by restoring it.

1. Every file is read and hashed again, and compared with the manifest; missing and surplus files are named.
2. A scratch mongod of the same release is started, and the dump is loaded into it.
3. What the server then says of itself (``dbHash``, ``validate``, options, indexes) must equal what was backed up.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from monitor import clock
from monitor.backup import comparison, restore, scratch
from monitor.backup import manifest as manifest_module
from monitor.backup.model import FileEntry, Manifest, Outcome, Verification
from monitor.backup.progress import Progress, ShowProgress, quiet
from monitor.backup.recording import record
from monitor.backup.storage import LocalStore
from monitor.errors import Fault, Unavailable
from monitor.settings import Settings
from monitor.store import Store

CHUNK = 1024 * 1024


@dataclass(slots=True)
class _Findings:
    """What is known so far; becomes a ``Verification``."""

    faults: list[Fault] = field(default_factory=list)
    steps: dict[str, float] = field(default_factory=dict)
    restored: restore.Restored | None = None
    documents: int = 0
    reason: str = ""
    manifest: Manifest | None = None

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.steps[step] = time.monotonic() - begun

    @property
    def outcome(self) -> Outcome:
        if self.faults:
            return "failed"
        return "unknown" if self.reason else "passed"


def verify(
    settings: Settings,
    backup_id: str | None = None,
    *,
    store: Store | None = None,
    progress: ShowProgress = quiet,
    scratch_dir: Path | None = None,
) -> Verification:
    """Verify a backup of ``settings.backups`` (the newest unless named), and record the verdict in ``store``.

    Blocks for as long as it takes. The copy is restored below ``scratch_dir``, by default the backup store itself: its
    disk is private and known to have room. Where no server can be started, the outcome is ``unknown``.

    Raises:
        InputError: there is no such backup.
    """
    at, begun = clock.now(), time.monotonic()
    home = LocalStore(settings.backups)
    findings = _Findings()
    with home.reading(backup_id or home.newest()) as path:
        try:
            _check(settings, path, scratch_dir or settings.backups, findings, progress)
        except Unavailable as error:
            findings.reason = str(error)
    verdict = _verdict(path.name, at, time.monotonic() - begun, findings)
    record(store, verdict, clock.now())
    return verdict


def _verdict(backup_id: str, at: datetime, seconds: float, findings: _Findings) -> Verification:
    verdict = Verification(
        id=clock.new_id("verify", at),
        backup=backup_id,
        at=at,
        outcome=findings.outcome,
        duration_seconds=seconds,
        documents=findings.documents,
        steps=findings.steps,
        faults=tuple(findings.faults),
        reason=findings.reason,
    )
    if findings.restored is not None:
        verdict = replace(verdict, restore_seconds=findings.restored.data_seconds + findings.restored.index_seconds)
    if findings.manifest is not None:
        verdict = replace(
            verdict,
            bytes=findings.manifest.bytes,
            collections=len(findings.manifest.collections),
            recovery_point=findings.manifest.recovery_point.at,
            server_version=findings.manifest.source.server_version,
        )
    return verdict


def _check(settings: Settings, path: Path, scratch_dir: Path, findings: _Findings, progress: ShowProgress) -> None:
    with findings.timed("files"):
        manifest = check_files(path, findings.faults.append, progress)
    findings.manifest = manifest
    # Restoring what is known to be damaged would only find the same again, later.
    if manifest is None or findings.faults:
        return
    mongod = _suitable_mongod(settings.mongod, manifest)
    _refuse_a_small_disk(scratch_dir, manifest.bytes)
    begun = time.monotonic()
    with scratch.scratch_mongod(mongod, scratch_dir) as client:
        findings.steps["start"] = time.monotonic() - begun
        try:
            dump = restore.read_dump(path / manifest_module.DUMP)
            findings.restored = restore.load(client, dump, progress=progress)
        except (restore.DumpError, restore.RestoreError) as error:
            name = error.file.relative_to(path).as_posix()
            findings.faults.append(Fault(file=name, code="restore-failed", message=error.why))
            return
        findings.steps["data"] = findings.restored.data_seconds
        findings.steps["indexes"] = findings.restored.index_seconds
        progress(Progress(step="comparing"))
        with findings.timed("compare"):
            compared = comparison.compare(client, manifest, dump)
    findings.faults += compared.faults
    findings.documents = compared.documents


def check_files(path: Path, report: Callable[[Fault], None], progress: ShowProgress = quiet) -> Manifest | None:
    """Compare every file of the backup in ``path`` with its manifest; ``None`` if the manifest cannot be trusted."""
    try:
        manifest = manifest_module.load(path)
    except FileNotFoundError:
        report(Fault(file=manifest_module.NAME, code="missing", message="it is not there: the backup is incomplete"))
        return None
    except manifest_module.ManifestError as error:
        why = str(error).removeprefix(f"{path / manifest_module.NAME}: ")
        report(Fault(file=manifest_module.NAME, code="damaged", message=why))
        return None
    except OSError as error:
        report(Fault(file=manifest_module.NAME, code="unreadable", message=f"it cannot be read: {error.strerror}"))
        return None
    done = 0
    for entry in manifest.files:
        fault = _check_file(path, entry)
        if fault is not None:
            report(fault)
        done += entry.bytes
        progress(Progress(step="hashing files", done=done, total=manifest.bytes))
    known = {entry.path for entry in manifest.files} | {manifest_module.NAME}
    for surplus in sorted(_files(path) - known):
        report(Fault(file=surplus, code="surplus", message="it is not in the manifest: it was added afterwards"))
    return manifest


def _check_file(root: Path, entry: FileEntry) -> Fault | None:
    path = root / entry.path
    if path.is_symlink() or (path.exists() and not path.is_file()):
        # A link may lead anywhere, and reading a named pipe would wait for ever.
        return Fault(file=entry.path, code="changed", message="it is a symbolic link now, or a special file")
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except FileNotFoundError:
        return Fault(file=entry.path, code="missing", message="it is not there")
    except OSError as error:
        return Fault(file=entry.path, code="unreadable", message=f"it cannot be read: {error.strerror}")
    if size != entry.bytes:
        message = f"it has {size} bytes, {entry.bytes} were written"
        return Fault(file=entry.path, code="changed", message=message)
    if digest.hexdigest() != entry.sha256:
        return Fault(file=entry.path, code="changed", message="its content is not what was written (SHA-256 differs)")
    return None


def _files(root: Path) -> set[str]:
    """Return everything below ``root`` that is not a directory, links to directories included."""
    found = set()
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        found |= {(Path(folder) / name).relative_to(root).as_posix() for name in (*files, *links)}
    return found


def _suitable_mongod(name: str, manifest: Manifest) -> Path:
    """Find a mongod of the release that the data comes from: another one may store or count things differently."""
    mongod = scratch.find_mongod(name)
    ours, theirs = scratch.version_of(mongod), manifest.source.server_version
    if ours.split(".")[:2] != theirs.split(".")[:2]:
        raise Unavailable(
            f"the backup is of MongoDB {theirs}, {mongod} is {ours}: set MONITOR_MONGOD to a mongod of the same release"
        )
    return mongod


def _refuse_a_small_disk(directory: Path, needed: int) -> None:
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
