"""The SLO report of the month that has just ended, in every form that somebody reads, into ``<state>/reports``."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitor import clock
from monitor.catalogue.model import Catalogue
from monitor.compliance.files import write_whole
from monitor.compliance.period import parse
from monitor.compliance.report import make_report
from monitor.render.report import render
from monitor.settings import Settings
from monitor.sources.prometheus import connect
from monitor.store import Store

FORMS = ("html", "pdf", "json")
QUERY_TIMEOUT_S = 60.0
"""A month of samples takes Prometheus longer than a console may wait."""


def month_before(now: datetime, time_zone: str) -> str:
    """Name the calendar month before the present one, as it is in a time zone: ``2026-10``."""
    first = now.astimezone(ZoneInfo(time_zone)).replace(day=1)
    return f"{first - timedelta(days=1):%Y-%m}"


def write(settings: Settings, catalogue: Catalogue, store: Store) -> str:
    """Write the files and note them in the store; returns a sentence that names them.

    Raises:
        Unavailable: Prometheus cannot be reached.
        OSError: a file cannot be written.
    """
    zone = catalogue.recovery.time_zone if catalogue.recovery else "UTC"
    now = clock.now()
    period = parse(month_before(now, zone), now=now, time_zone=zone)
    directory = settings.state.parent / "reports"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with connect(settings, timeout_s=QUERY_TIMEOUT_S) as prometheus:
        report = make_report(prometheus, store, catalogue, period)
    files = [directory / f"slo-report-{period.text}.{form}" for form in FORMS]
    for form, file in zip(FORMS, files, strict=True):
        write_whole(file, render(report, form))
    body = {"period": period.text, "files": [str(file) for file in files], "at": clock.to_rfc3339(now)}
    store.put("report", clock.new_id("report", now), body, at=now)
    return f"wrote the report of {period.text} to {directory}"
