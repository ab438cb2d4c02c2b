"""The report for programs: JSON with documented field names (docs/report.md), and CSV with one row per SLO. Pure."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import Any

from monitor import clock
from monitor.render.report_model import (
    Average,
    Backups,
    Budget,
    DrillResult,
    ExcludedTime,
    Incident,
    Report,
    SloResult,
    Target,
)

FORMAT_VERSION = 2
"""Rises when a field changes its meaning or goes away; new fields do not raise it. 2: ``events.allowed`` is of
the whole period, and ``events.spent`` has what dark time would have had."""

CSV_COLUMNS = (
    "period",
    "start",
    "end",
    "name",
    "service",
    "objective",
    "achieved",
    "achieved_low",
    "achieved_high",
    "verdict",
    "coverage",
    "unit",
    "failed_events",
    "total_events",
    "budget_minutes_allowed",
    "budget_minutes_spent",
    "budget_minutes_left",
    "budget_events_allowed",
    "budget_events_left",
)


def to_json(report: Report) -> str:
    """Write the whole report as JSON; unknown values are ``null``."""
    period = report.period
    body = {
        "format_version": FORMAT_VERSION,
        "generated_at": _time(report.generated_at),
        "environment": report.environment,
        "period": {
            "text": period.text,
            "start": _time(period.start),
            "end": _time(period.end),
            "until": _time(period.until),
            "calendar": period.calendar,
            "running": period.running,
            "time_zone": period.time_zone,
        },
        "coverage": report.coverage,
        "cell_seconds": report.cell_seconds,
        "slos": [_slo(slo) for slo in report.slos],
        "incidents": [_incident(incident) for incident in report.incidents],
        "averages": [_average(average) for average in report.averages],
        "recovery": [_target(target) for target in report.recovery],
        "backups": _backups(report.backups) if report.backups else None,
        "drills": None if report.drills is None else [_drill(drill) for drill in report.drills],
        "sealed_records": report.sealed_records or None,
        "gaps": [{"start": _time(gap.start), "end": _time(gap.end), "slos": list(gap.slos)} for gap in report.gaps],
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def to_csv(report: Report) -> str:
    """Write one row per SLO; an unknown value is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\r\n")  # RFC 4180
    writer.writeheader()
    for slo in report.slos:
        writer.writerow(_csv_row(report, slo))
    return text.getvalue()


def _csv_row(report: Report, slo: SloResult) -> dict[str, object]:
    events = slo.budget_events
    values = (
        report.period.text,
        _time(report.period.start),
        _time(report.period.until),
        slo.name,
        slo.service,
        slo.objective,
        slo.achieved,
        slo.low,
        slo.high,
        slo.verdict.value,
        slo.coverage,
        slo.unit,
        slo.failed_events,
        slo.total_events,
        slo.budget_minutes.allowed,
        slo.budget_minutes.spent,
        slo.budget_minutes.left,
        events.allowed if events else None,
        events.left if events else None,
    )
    return dict(zip(CSV_COLUMNS, (_harmless(value) for value in values), strict=True))


def _harmless(value: object) -> object:
    """A name that starts like a formula must not become one where the file is opened as a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value


def _slo(slo: SloResult) -> dict[str, Any]:
    return {
        "name": slo.name,
        "display_name": slo.display_name,
        "service": slo.service,
        "description": slo.description,
        "objective": slo.objective,
        "achieved": slo.achieved,
        "bounds": {"low": slo.low, "high": slo.high},
        "verdict": slo.verdict.value,
        "coverage": slo.coverage,
        "unit": slo.unit,
        "failed_events": slo.failed_events,
        "total_events": slo.total_events,
        "dark_minutes": slo.dark_minutes,
        "error_budget": {
            "remaining": slo.budget_left,
            "minutes": _budget(slo.budget_minutes),
            "events": _budget(slo.budget_events) if slo.budget_events else None,
        },
        "corrections": [_correction(correction) for correction in slo.corrections],
        "before_corrections": _before(slo.before) if slo.before else None,
    }


def _before(slo: SloResult) -> dict[str, Any]:
    return {
        "achieved": slo.achieved,
        "bounds": {"low": slo.low, "high": slo.high},
        "verdict": slo.verdict.value,
        "failed_events": slo.failed_events,
        "total_events": slo.total_events,
        "error_budget": {"remaining": slo.budget_left},
    }


def _correction(correction: ExcludedTime) -> dict[str, Any]:
    return {
        "id": correction.id,
        "start": _time(correction.start),
        "end": _time(correction.end),
        "reason": correction.reason,
        "by": correction.by,
        "approved_by": correction.approved_by,
        "failed_events": correction.failed_events,
        "total_events": correction.total_events,
    }


def _budget(budget: Budget) -> dict[str, float]:
    return {"allowed": budget.allowed, "spent": budget.spent, "left": budget.left}


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "start": _time(incident.start),
        "end": _time(incident.end),
        "minutes": incident.minutes,
        "effects": [
            {
                "slo": effect.slo,
                "failed_events": effect.failed_events,
                "total_events": effect.total_events,
                "budget_share": effect.budget_share,
            }
            for effect in incident.effects
        ],
    }


def _average(average: Average) -> dict[str, Any]:
    return {
        "title": average.title,
        "promise_seconds": average.promise_seconds,
        "measured_seconds": average.measured_seconds,
        "within": average.within,
        "how": average.how,
    }


def _target(target: Target) -> dict[str, Any]:
    return {
        "title": target.title,
        "target_seconds": target.target_seconds,
        "measured_seconds": target.measured_seconds,
        "within": target.within,
        "how": target.how,
    }


def _backups(backups: Backups) -> dict[str, Any]:
    return {
        "taken": backups.taken,
        "failed": backups.failed,
        "newest_at": _time(backups.newest_at) if backups.newest_at else None,
        "newest_bytes": backups.newest_bytes,
        "restores_verified": backups.restores_verified,
        "restores_failed": backups.restores_failed,
        "newest_restore_seconds": backups.newest_restore_seconds,
        "worst_restore_seconds": backups.worst_restore_seconds,
    }


def _drill(drill: DrillResult) -> dict[str, Any]:
    return {
        "id": drill.id,
        "drill": drill.drill,
        "at": _time(drill.at),
        "outcome": drill.outcome,
        "reason": drill.reason,
        "measurements": dict(sorted(drill.measurements.items())),
    }


def _time(instant: datetime) -> str:
    return clock.to_rfc3339(instant)
