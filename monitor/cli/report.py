"""``monitor report``: the SLO report of a period, as a page, a PDF, JSON or CSV."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from monitor import clock
from monitor.catalogue.load import load
from monitor.cli import Context, pass_settings
from monitor.compliance.files import write_whole
from monitor.compliance.period import Period, parse
from monitor.compliance.report import make_report
from monitor.errors import Unavailable
from monitor.render.report import FORMATS, render
from monitor.render.report_model import Report
from monitor.settings import Settings
from monitor.sources.prometheus import connect
from monitor.store import Store

QUERY_TIMEOUT_S = 60.0
"""A month of samples takes Prometheus longer than a console may wait."""


@click.command()
@click.option(
    "--period", "text", default="30d", show_default=True, help="Back from now (1h, 30d), or a month (2026-11)."
)
@click.option(
    "--format", "form", type=click.Choice(sorted(FORMATS)), help="Default: by the file's extension, else html."
)
@click.option("--out", type=click.Path(path_type=Path), help="File to write; - for standard output.")
@pass_settings
def command(context: Context, text: str, form: str | None, out: Path | None) -> None:
    """Write the SLO report of a period: objectives, error budgets, incidents, backups, drills, and what is not known.

    Exits with 0 once it is written, whatever it says; with 3 if Prometheus could not be asked, and nothing is written.
    """
    settings = context.settings
    catalogue = load(settings.catalogue, settings.environment)
    zone = catalogue.recovery.time_zone if catalogue.recovery else "UTC"
    period = parse(text, now=clock.now(), time_zone=zone)
    chosen = form or _format_of(out)
    target = out or Path(f"slo-report-{period.text}.{chosen}")
    with ExitStack() as stack:
        prometheus = stack.enter_context(connect(settings, timeout_s=QUERY_TIMEOUT_S))
        store, missing = _store(settings)
        if store is not None:
            stack.enter_context(store)
        report = make_report(prometheus, store, catalogue, period)
        written = render(report, chosen)
        _deliver(written, target)
        _remember(store, report, period, target)
    if missing:
        click.echo(f"monitor: backups and drills are told as unknown: {missing}", err=True)
    if str(target) != "-":
        click.echo(f"wrote {target}", err=True)


def _format_of(out: Path | None) -> str:
    suffix = out.suffix.removeprefix(".") if out else ""
    return suffix if suffix in FORMATS else "html"


def _store(settings: Settings) -> tuple[Store | None, str]:
    """The monitor's store, or ``None`` and why: the report then says that it does not know."""
    try:
        return Store.open(settings.state, wait_s=0), ""
    except Unavailable as error:
        return None, str(error)


def _deliver(written: bytes, target: Path) -> None:
    if str(target) == "-":
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
    else:
        write_whole(target, written)


def _remember(store: Store | None, report: Report, period: Period, target: Path) -> None:
    """Note in the store that the report was made, where there is a store and a file."""
    if store is None or str(target) == "-":
        return
    at = report.generated_at
    body = {"period": period.text, "files": [str(target.absolute())], "at": clock.to_rfc3339(at)}
    store.put("report", clock.new_id("report", at), body, at=at)
