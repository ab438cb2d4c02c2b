"""What the monitor's own store tells about a period: backups, verified restores, drills."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from monitor import clock
from monitor.compliance.period import Period
from monitor.render.report_model import Backups, DrillResult
from monitor.store import RecordKind, Store

MOST_RECORDS = 100_000
"""More than any period of up to 400 days holds, at one record every six minutes."""


def backups(store: Store, period: Period) -> Backups:
    """Count the period's backups and verifications; the newest are the newest by the period's end."""
    taken = _bodies(store, "backup", period)
    good = [body for body in taken if body.get("outcome") == "passed"]
    verified = _bodies(store, "verification", period)
    restored = [body for body in verified if body.get("outcome") == "passed"]
    seconds = [float(body["restore_seconds"]) for body in restored if body.get("restore_seconds") is not None]
    newest = good[0] if good else _newest_before(store, period)
    return Backups(
        taken=len(good),
        failed=sum(body.get("outcome") == "failed" for body in taken),
        newest_at=_instant(newest, "finished_at") if newest else None,
        newest_bytes=int(newest["bytes"]) if newest and newest.get("bytes") is not None else None,
        restores_verified=len(restored),
        restores_failed=sum(body.get("outcome") == "failed" for body in verified),
        newest_restore_seconds=seconds[0] if seconds else None,
        worst_restore_seconds=max(seconds, default=None),
    )


def drills(store: Store, period: Period) -> tuple[DrillResult, ...]:
    """The period's drills, newest first."""
    return tuple(
        DrillResult(
            id=str(body.get("id", "")),
            drill=str(body["drill"]),
            at=_instant(body, "started_at") or period.start,
            outcome=str(body.get("outcome", "unknown")),
            reason=str(body.get("reason") or ""),
            measurements=dict(_numbers((body.get("measurements") or {}).items())),
        )
        for body in _bodies(store, "drill", period)
    )


def _bodies(store: Store, kind: RecordKind, period: Period) -> list[dict[str, Any]]:
    records = store.records(kind, since=period.start, limit=MOST_RECORDS)
    return [record.body for record in records if record.at < period.until]


def _newest_before(store: Store, period: Period) -> dict[str, Any] | None:
    """The newest backup that was there when the period began."""
    older = (record for record in store.records("backup", limit=MOST_RECORDS) if record.at < period.start)
    return next((record.body for record in older if record.body.get("outcome") == "passed"), None)


def _instant(body: dict[str, Any], name: str) -> datetime | None:
    return clock.from_rfc3339(body[name]) if body.get(name) else None


def _numbers(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, float]]:
    for name, value in items:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, float(value)
