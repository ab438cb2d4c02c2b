"""``monitor backup verify``: proves that a backup can be restored, by restoring it.

1. Every file is read and hashed again, and compared with the manifest; missing and surplus files are named.
2. A scratch mongod of the same release is started, and the dump is loaded into it.
3. What the server then says of itself (``dbHash``, ``validate``, options, indexes) must equal what was backed up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from monitor import clock
from monitor.backup import comparison, restore, scratch
from monitor.backup import manifest as manifest_module
from monitor.backup.backup_store import BackupStore
from monitor.backup.depot import make_directories
from monitor.backup.model import Manifest, Outcome, Verification
from monitor.backup.notes import note_verdict
from monitor.backup.opening import open_store
from monitor.backup.progress import Progress, ShowProgress, quiet
from monitor.backup.recording import record
from monitor.backup.sealed import NoKey
from monitor.backup.staging import check_files, read_manifest, refuse_a_small_disk, staging_place
from monitor.errors import Fault, MonitorError, Unavailable
from monitor.settings import Settings
from monitor.store import Store


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
            self.steps[step] = self.steps.get(step, 0.0) + time.monotonic() - begun

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
    """Verify a backup (the newest unless named), and record the verdict in ``store`` and beside the backup.

    Blocks for as long as it takes. The copy is restored below ``scratch_dir``, by default the backup store itself: its
    disk is private and known to have room. Where no server can be started, or a key is missing, the outcome is
    ``unknown``.

    Raises:
        InputError: there is no such backup.
        Unavailable: the storage does not answer, or the verdict could not be recorded.
    """
    at, begun = clock.now(), time.monotonic()
    home = open_store(settings)
    findings = _Findings()
    backup_id = backup_id or home.newest()
    with home.reading(backup_id):
        try:
            _check(settings, home, backup_id, scratch_dir or _scratch(settings), findings, progress)
        except (Unavailable, NoKey) as error:
            findings.reason = str(error)
    verdict = _verdict(backup_id, at, time.monotonic() - begun, findings)
    record(store, verdict, clock.now())
    _note(home, verdict)
    return verdict


def _scratch(settings: Settings) -> Path:
    try:
        make_directories(settings.backups)
    except OSError as error:
        raise Unavailable(f"cannot restore below {settings.backups}: {error.strerror}") from error
    return settings.backups


def _note(home: BackupStore, verdict: Verification) -> None:
    try:
        note_verdict(home, verdict)
    except (OSError, MonitorError) as error:
        raise Unavailable(
            f"the verification of {verdict.backup} {verdict.outcome}, but that could not be noted in {home.name}: "
            f"{error}"
        ) from error


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


def _check(
    settings: Settings,
    home: BackupStore,
    backup_id: str,
    scratch_dir: Path,
    findings: _Findings,
    progress: ShowProgress,
) -> None:
    with findings.timed("files"):
        manifest = read_manifest(home, backup_id, findings.faults.append)
    findings.manifest = manifest
    if manifest is None:
        return
    with staging_place(home, manifest, scratch_dir) as (root, into):
        with findings.timed("files"):
            check_files(home, manifest, findings.faults.append, progress=progress, into=into)
        # Restoring what is known to be damaged would only find the same again, later.
        if not findings.faults:
            _restore(settings, manifest, root, scratch_dir, findings, progress)


def _restore(
    settings: Settings, manifest: Manifest, root: Path, scratch_dir: Path, findings: _Findings, progress: ShowProgress
) -> None:
    mongod = suitable_mongod(settings.mongod, manifest.source.server_version)
    refuse_a_small_disk(scratch_dir, manifest.bytes)
    begun = time.monotonic()
    with scratch.scratch_mongod(mongod, scratch_dir) as client:
        findings.steps["start"] = time.monotonic() - begun
        try:
            dump = restore.read_dump(root / manifest_module.DUMP)
            findings.restored = restore.load(client, dump, progress=progress)
        except (restore.DumpError, restore.RestoreError) as error:
            name = error.file.relative_to(root).as_posix()
            findings.faults.append(Fault(file=name, code="restore-failed", message=error.why))
            return
        findings.steps["data"] = findings.restored.data_seconds
        findings.steps["indexes"] = findings.restored.index_seconds
        progress(Progress(step="comparing"))
        with findings.timed("compare"):
            compared = comparison.compare(client, manifest, dump)
    findings.faults += compared.faults
    findings.documents = compared.documents


def suitable_mongod(name: str, theirs: str) -> Path:
    """Find a mongod of the release that the data comes from: another one may store or count things differently.

    Raises:
        Unavailable: there is none.
    """
    mongod = scratch.find_mongod(name)
    ours = scratch.version_of(mongod)
    if ours.split(".")[:2] != theirs.split(".")[:2]:
        raise Unavailable(
            f"the backup is of MongoDB {theirs}, {mongod} is {ours}: set MONITOR_MONGOD to a mongod of the same release"
        )
    return mongod
