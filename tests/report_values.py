"""A report's values, made by hand: the tests of its formats change what they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.render.report_model import (
    Average,
    Backups,
    Budget,
    DrillResult,
    Effect,
    Gap,
    Incident,
    PeriodSpan,
    Report,
    SloResult,
    Slot,
    Target,
)
from monitor.slo.verdict import Verdict

START = datetime(2026, 10, 31, 23, tzinfo=UTC)
END = datetime(2026, 11, 30, 23, tzinfo=UTC)
DAY = timedelta(days=1)


def slot(day: int, *, achieved: float | None = 1.0, coverage: float = 1.0, left: float | None = 0.9) -> Slot:
    start = START + day * DAY
    return Slot(start=start, end=start + DAY, achieved=achieved, coverage=coverage, budget_left=left)


def slo(name: str = "availability", **changes: Any) -> SloResult:
    values: dict[str, Any] = {
        "name": name,
        "display_name": name.capitalize(),
        "description": "Requests are answered.",
        "service": "appointments",
        "unit": "requests",
        "objective": 0.9995,
        "achieved": 0.9998,
        "low": 0.9998,
        "high": 0.9998,
        "verdict": Verdict.MET,
        "coverage": 1.0,
        "failed_events": 200.0,
        "total_events": 1_000_000.0,
        "dark_minutes": 0.0,
        "budget_minutes": Budget(allowed=21.6, spent=8.64),
        "budget_events": Budget(allowed=500.0, spent=200.0),
        "slots": tuple(slot(day) for day in range(30)),
    }
    return SloResult(**(values | changes))


def missed(name: str = "booking-success") -> SloResult:
    return slo(
        name,
        achieved=0.99,
        low=0.99,
        high=0.99,
        verdict=Verdict.MISSED,
        failed_events=10_000.0,
        budget_minutes=Budget(allowed=21.6, spent=432.0),
        budget_events=Budget(allowed=500.0, spent=10_000.0),
        slots=tuple(slot(day, achieved=0.99, left=1 - day / 2) for day in range(30)),
    )


def hardly_measured(name: str = "availability") -> SloResult:
    return slo(
        name,
        achieved=1.0,
        low=0.0002,
        high=1.0,
        verdict=Verdict.INSUFFICIENT,
        coverage=0.0002,
        failed_events=0.0,
        total_events=12_000.0,
        budget_minutes=Budget(allowed=21.6, spent=0.0),
        budget_events=Budget(allowed=6.0, spent=0.0),
        slots=(
            *(slot(day, achieved=None, coverage=0, left=None) for day in range(29)),
            slot(29, coverage=0.007, left=1.0),
        ),
    )


def report(*slos: SloResult, **changes: Any) -> Report:
    made = Report(
        period=PeriodSpan(text="2026-11", start=START, end=END, until=END, calendar=True, time_zone="Europe/Berlin"),
        environment="compose",
        generated_at=END + timedelta(hours=5),
        cell_seconds=300.0,
        slos=slos or (slo(),),
        incidents=(),
        averages=(
            Average(title="API answers", promise_seconds=0.2, measured_seconds=0.062, how="measured in the app"),
            Average(title="Page answers", promise_seconds=2.0, measured_seconds=None, how="seen from outside"),
        ),
        recovery=(
            Target(title="Recovery point (RPO)", target_seconds=3600, measured_seconds=5100, how="greatest age"),
        ),
        backups=Backups(
            taken=1440,
            failed=1,
            newest_at=END - timedelta(minutes=10),
            newest_bytes=1_834_000,
            restores_verified=120,
            restores_failed=0,
            newest_restore_seconds=41.3,
            worst_restore_seconds=48.0,
        ),
        drills=(
            DrillResult(
                id="20261119T173000Z-primary-killed-3f9a",
                drill="primary-killed",
                at=END - 11 * DAY,
                outcome="passed",
                reason="",
                measurements={"failover_seconds": 3.4, "acknowledged_lost": 0.0},
            ),
        ),
        gaps=(),
    )
    return replace(made, **changes)


def incident(day: int = 4, share: float = 0.28) -> Incident:
    start = START + day * DAY
    effect = Effect(
        slo="availability",
        display_name="Availability",
        failed_events=1204.0,
        total_events=1300.0,
        unit="requests",
        budget_share=share,
    )
    return Incident(start=start, end=start + timedelta(minutes=10), effects=(effect,))


def gap() -> Gap:
    start = START + 9 * DAY
    return Gap(start=start, end=start + timedelta(hours=5), slos=("availability",))
