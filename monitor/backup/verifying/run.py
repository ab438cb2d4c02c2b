"""Verifies a backup: proves that it can be restored, by restoring it, and that what comes out is what should.

1. Every stored object is read, opened with the escrowed keys, and compared with the manifest; so is the way of slices.
2. The numbers are held against the backups before it, and the store against what is remembered of it.
3. A scratch mongod of the same release is loaded; its ``dbHash`` must be the manifest's. The oplog is replayed.
4. Against the live source: equal at T, or different, or unknown, collection by collection, where that is asked for.
5. Erasures are applied and proven; the application checks what it promised.
"""

from __future__ import annotations

import time
from pathlib import Path

from monitor import clock
from monitor.backup import comparison, exact, scratch
from monitor.backup.backup_store import BackupStore
from monitor.backup.depot import Damaged, make_directories
from monitor.backup.manifest import ManifestError
from monitor.backup.model import Manifest, Verification
from monitor.backup.notes import note_verdict
from monitor.backup.opening import open_store
from monitor.backup.oplog.point import Target
from monitor.backup.progress import Progress, ShowProgress, quiet
from monitor.backup.recording import record
from monitor.backup.sealed import NoKey
from monitor.backup.staging import check_files, read_manifest, refuse_a_small_disk, staging_place
from monitor.backup.verifying import copy, facts, history, plausibility, promises, trust
from monitor.backup.verifying.choice import Choice
from monitor.backup.verifying.escrow import escrowed
from monitor.backup.verifying.findings import Findings
from monitor.backup.verifying.picking import pick
from monitor.backup.verifying.prediction import Measured, predict
from monitor.backup.verifying.way import find_way
from monitor.backup.verifying.wish import Bench, Wish
from monitor.catalogue.model import Recovery
from monitor.errors import Fault, MonitorError, Unavailable
from monitor.settings import Settings
from monitor.sources.mongodb import Client
from monitor.store import Store


def verify(
    settings: Settings,
    backup_id: str | None = None,
    *,
    at: Target | None = None,
    by_chance: bool = False,
    seed: int | None = None,
    against_source: bool = False,
    recovery: Recovery | None = None,
    store: Store | None = None,
    progress: ShowProgress = quiet,
    scratch_dir: Path | None = None,
) -> Verification:
    """Verify a backup (the newest unless named), and record the verdict in ``store`` and beside the backup.

    Blocks for as long as it takes. ``at`` is where it is restored to, ``by_chance`` leaves both to chance,
    ``against_source`` is the exact proof as of now. ``recovery`` names the application's commands: without it they are
    not run. The copy is made below ``scratch_dir``, by default the backup store itself: its disk is private and known
    to have room. Where something could not be found out, the outcome is ``unknown``.

    Raises:
        InputError: there is no such backup.
        Unavailable: the storage does not answer, or the verdict could not be recorded.
    """
    begun_at, begun, findings = clock.now(), time.monotonic(), Findings()
    escrow = escrowed(settings)
    home = open_store(escrow)
    live = _read_source(settings, findings, progress) if against_source else None
    wish = Wish(backup=backup_id, at=at, by_chance=by_chance, seed=seed)
    choice = pick(home, wish, store, live.at if live else None)
    bench = Bench(
        settings=escrow,
        home=home,
        findings=findings,
        scratch_dir=scratch_dir or _scratch(settings),
        recovery=recovery,
        store=store,
        progress=progress,
    )
    with home.reading(choice.backup):
        try:
            _check(bench, choice, live)
        except Unavailable as error:
            findings.reasons.append(str(error))
        except NoKey as error:
            _without_key(settings, findings, error)
    verdict = findings.verdict(choice.backup, home.name, begun_at, time.monotonic() - begun)
    record(store, verdict, clock.now())
    _note(settings, home, verdict)
    return verdict


def _check(bench: Bench, choice: Choice, live: exact.Reading | None) -> None:
    home, findings = bench.home, bench.findings
    with findings.timed("files"):
        manifest = read_manifest(home, choice.backup, findings.faults.append)
    findings.manifest = manifest
    if manifest is None:
        return
    depot = home.opened(manifest)
    with findings.timed("slices"):
        way = find_way(bench, manifest, choice, depot, wait=live is not None)
        findings.faults += trust.put_back(bench.store, home, manifest, way.shelf)
    findings.told["choice"] = choice.body(manifest.recovery_point, way.at)
    damaged: list[Fault] = []
    with staging_place(home, manifest, bench.scratch_dir) as (root, into):
        with findings.timed("files"):
            check_files(home, manifest, damaged.append, progress=bench.progress, into=into)
        findings.faults += damaged
        # Restoring what is known to be damaged would only find the same again, later.
        if not damaged:
            try:
                _restore(bench, manifest, root, way, live)
            except Unavailable as error:
                findings.reasons.append(str(error))
    _judge(bench, manifest)


def _restore(bench: Bench, manifest: Manifest, root: Path, way: copy.Way, live: exact.Reading | None) -> None:
    findings = bench.findings
    mongod = scratch.suitable_mongod(bench.settings.mongod, manifest.source.server_version)
    refuse_a_small_disk(bench.scratch_dir, manifest.bytes)
    begun = time.monotonic()
    with scratch.scratch_mongod(mongod, bench.scratch_dir) as client:
        findings.steps["start"] = time.monotonic() - begun
        copied = copy.make(bench, client, manifest, root, way)
        if copied is None:
            return
        findings.measured = Measured(
            bytes=manifest.bytes,
            start_seconds=findings.steps["start"],
            fetch_seconds=findings.steps["files"],
            data_seconds=copied.data_seconds,
            index_seconds=copied.index_seconds,
            operations=copied.operations,
            replay_seconds=copied.replay_seconds,
        )
        _look(bench, client, copied, way, live)
        with findings.timed("erasures"):
            promises.erase(bench, client, bench.home.opened(manifest))
        with findings.timed("application"):
            promises.check(bench, client, way.at)


def _look(bench: Bench, client: Client, copied: copy.Copied, way: copy.Way, live: exact.Reading | None) -> None:
    """What the server says of the copy, before anything is erased from it."""
    findings = bench.findings
    bench.progress(Progress(step="validating"))
    with findings.timed("validate"):
        findings.faults += comparison.validate(client)
    if live is not None and live.at == way.at:
        proof = exact.compare(live, copied.digests)
        findings.told["exact"] = proof.body()
        findings.faults += proof.faults()
        if proof.outcome == "unknown":
            findings.reasons.append("the exact proof proved nothing: every collection changed its shape meanwhile")
    findings.faults += copy.unchanged(client, copied.digests)


def _judge(bench: Bench, manifest: Manifest) -> None:
    """Hold the backup's numbers against those before it, and say how long production would take."""
    findings, recovery = bench.findings, bench.recovery
    text = findings.told.get("newest_write")
    mine = facts.of(manifest, clock.from_rfc3339(text) if text else None)
    before = history.earlier(bench.home, manifest, bench.store)
    judged = plausibility.judge(
        mine, before, quiet=recovery.rpo if recovery else plausibility.QUIET, expiring=findings.expiring
    )
    findings.faults += judged.faults
    findings.notes += judged.notes
    findings.told["plausibility"] = {
        "compared_with": judged.compared_with,
        "faults": [fault.message for fault in judged.faults],
    }
    if findings.measured is not None:
        _predict(bench, manifest, findings.measured)


def _predict(bench: Bench, manifest: Manifest, measured: Measured) -> None:
    try:
        newest = bench.home.manifest(bench.home.newest())
    except (KeyError, ManifestError, Damaged, NoKey, OSError):
        newest = manifest
    told = bench.findings.told
    seconds = told["choice"]["replayed_seconds"]
    every = bench.recovery.full_backup_every.total_seconds() if bench.recovery else 0.0
    # At the worst moment, just before the next backup is taken.
    operations = round(measured.operations / seconds * every) if seconds else 0
    predicted = predict(measured, size=newest.bytes, operations=operations)
    told["prediction"] = predicted.body() if predicted else None


def _read_source(settings: Settings, findings: Findings, progress: ShowProgress) -> exact.Reading | None:
    try:
        with findings.timed("source"), exact.opened(settings) as source:
            limit = settings.backup_max_bytes_per_second or exact.MAX_BYTES_PER_SECOND
            return source.read(max_bytes_per_second=limit, progress=progress)
    except MonitorError as error:
        findings.reasons.append(f"the exact proof was not made: {error}")
        return None


def _without_key(settings: Settings, findings: Findings, error: NoKey) -> None:
    """Nothing can be opened: with no escrowed keys that is all that is known; with some, they are not enough."""
    if settings.escrow_keyset_file is None:
        findings.reasons.append(
            f"{str(error).partition(':')[0]}, and verification opens with escrowed keys alone, as one who lost this "
            "host would have to: set escrow_keyset_file"
        )
    else:
        text = f"{str(error).partition(':')[0]}: the escrowed keys do not open it; renew the escrow copy"
        findings.faults.append(Fault(file=str(settings.escrow_keyset_file), code="escrow", message=text))


def _scratch(settings: Settings) -> Path:
    try:
        make_directories(settings.backups)
    except OSError as error:
        raise Unavailable(f"cannot restore below {settings.backups}: {error.strerror}") from error
    return settings.backups


def _note(settings: Settings, home: BackupStore, verdict: Verification) -> None:
    try:
        note_verdict(open_store(settings) if settings.backup_keyset_file else home, verdict)
    except (OSError, MonitorError) as error:
        done = f"the verification of {verdict.backup} {verdict.outcome}"
        raise Unavailable(f"{done}, but that could not be noted in {home.name}: {error}") from error
