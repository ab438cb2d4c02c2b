"""What is known about backups and recovery, as samples. Pure: the evidence is handed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from monitor import clock, metrics
from monitor.work.capturing import reached
from telemetry.metric import Metric

if TYPE_CHECKING:
    from monitor.work.scrape import Evidence

Values = dict[tuple[str, ...], float]
Sampled = tuple[Metric, Values]

COMPARED = 7
"""So many backups before the newest are its measure: fewer swing with each."""
LEAST_BYTES = 1024 * 1024
"""Below, a database doubles with its first patients."""
REASONS = {"gap": "gap", "damaged": "damaged", "put back": "put_back", "restored": "restored"}
"""Why a captured history began anew, and what the label says; the first one began it at all."""


def sampled(seen: Evidence) -> Iterator[Sampled]:
    """Turn what is known about recovery into samples."""
    yield from _backups(seen)
    yield from _recovery_points(seen)
    yield from _oplog(seen)
    yield from _verifications(seen)
    if seen.erasures is not None:
        yield metrics.ERASURES, {(): float(seen.erasures)}


def _backups(seen: Evidence) -> Iterator[Sampled]:
    there = {backup.id for backup in seen.backups or () if backup.state == "complete"}
    runs: dict[str, list[dict[str, Any]]] = {}
    for record in seen.backup_runs:
        if record.body.get("outcome") == "passed" and record.id in there and clock.credible(record.at, seen.now):
            runs.setdefault(str(record.body["type"]), []).append(record.body)
    newest = {kind: bodies[0] for kind, bodies in runs.items()} | _parts(seen)
    times: Values = {(t,): clock.from_rfc3339(body["finished_at"]).timestamp() for t, body in newest.items()}
    for backup in seen.backups or ():
        # Taken without this store: its manifest still says that it is there, and how large.
        at = clock.credible(backup.at, seen.now)
        if backup.state == "complete" and at and (backup.type,) not in times:
            times[backup.type,] = at.timestamp()
    yield metrics.BACKUP_LAST_SUCCESS, times
    yield metrics.BACKUP_SIZE, {(t,): float(body["bytes"]) for t, body in newest.items() if "bytes" in body}
    yield metrics.BACKUP_DURATION, {(t,): _duration(body) for t, body in newest.items()}
    yield metrics.BACKUP_SIZE_RATIO, _ratios(runs)


def _parts(seen: Evidence) -> dict[str, dict[str, Any]]:
    """The newest snapshot of Redis, configuration and set; a set that lacks a part is none."""
    found: dict[str, dict[str, Any]] = {}
    for record in seen.parts:
        body = record.body
        whole = record.kind != "set" or not body.get("missing")
        if "finished_at" in body and whole:
            found.setdefault(record.kind, body)
    return found


def _duration(body: dict[str, Any]) -> float:
    if "duration_seconds" in body:
        return float(body["duration_seconds"])
    return (clock.from_rfc3339(body["finished_at"]) - clock.from_rfc3339(body["started_at"])).total_seconds()


def _ratios(runs: dict[str, list[dict[str, Any]]]) -> Values:
    ratios: Values = {}
    for kind, (newest, *before) in runs.items():
        usual = median(float(body["bytes"]) for body in before[:COMPARED]) if len(before) >= COMPARED else 0.0
        if usual > LEAST_BYTES:
            ratios[kind,] = float(newest["bytes"]) / usual
    return ratios


def _recovery_points(seen: Evidence) -> Iterator[Sampled]:
    local = _local(seen)
    points = {"local": local, "offsite": seen.offsite if seen.has_offsite else None}
    known = {copy: at.timestamp() for copy, at in points.items() if at is not None}
    yield metrics.RPO_SECONDS, {(copy,): max(0.0, seen.now.timestamp() - at) for copy, at in known.items()}
    yield metrics.OFFSITE_CONFIGURED, {(): float(seen.has_offsite)}
    survivor = known.get("offsite" if seen.has_offsite else "local")
    if survivor is not None:
        yield metrics.RECOVERY_POINT, {(): survivor}
    if len(known) == len(points):
        yield metrics.OFFSITE_LAG, {(): max(0.0, known["local"] - known["offsite"])}


def _local(seen: Evidence) -> datetime | None:
    """The newest point that sound backups and the captured oplog lead to."""
    sound = [
        backup
        for backup in seen.backups or ()
        if backup.state == "complete" and backup.recovery_point and backup.id not in seen.condemned
    ]
    points = [*(backup.recovery_point for backup in sound), reached(seen.captured, sound)]
    return max((at for at in points if at is not None), default=None)


def _oplog(seen: Evidence) -> Iterator[Sampled]:
    if not seen.captured:
        return
    newest = max(seen.captured, key=lambda anchor: anchor.end)
    yield metrics.OPLOG_CAPTURED, {(): newest.end.at.timestamp()}
    yield metrics.OPLOG_WINDOW, {(): (newest.end.at - newest.since.at).total_seconds()}
    counted = Counter(str(record.body["reason"]) for record in seen.findings)
    yield metrics.OPLOG_GAPS, {(label,): float(counted[reason]) for reason, label in REASONS.items()}


def _verifications(seen: Evidence) -> Iterator[Sampled]:
    told = [record.body for record in seen.verifications if record.body.get("outcome") in {"passed", "failed"}]
    passed = [body for body in told if body["outcome"] == "passed"]
    if told:
        yield metrics.VERIFICATION_SUCCESS, {(): float(told[0]["outcome"] == "passed")}
    if not passed:
        return
    yield metrics.BACKUP_VERIFIED, {(): clock.from_rfc3339(passed[0]["at"]).timestamp()}
    if passed[0].get("restore_seconds") is not None:
        yield metrics.RESTORE_SECONDS, {(): float(passed[0]["restore_seconds"])}
    prediction = passed[0].get("prediction")
    if prediction is not None:
        yield metrics.RESTORE_PREDICTED, {(): float(prediction["seconds"])}
