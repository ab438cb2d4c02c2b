"""``monitor slo list`` and ``monitor slo show``: where each SLO stands."""

from __future__ import annotations

from contextlib import ExitStack

import click

from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue
from monitor.cli import Context, pass_settings, print_json, slo_backfill
from monitor.compliance.status import SloStatus, slo_statuses
from monitor.errors import InputError, Unavailable
from monitor.render import report_words as words
from monitor.slo.verdict import Verdict
from monitor.sources.prometheus import connect
from monitor.store import Store

COLUMNS = ("SLO", "SERVICE", "OBJECTIVE", "WINDOW", "ACHIEVED", "BUDGET LEFT", "BURN 1H", "STANDING")


@click.group()
def command() -> None:
    """Show where each SLO stands, build its past, and correct it."""


command.add_command(slo_backfill.command)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: ratios 0-1, null where nothing is known.")
@pass_settings
def list_(context: Context, *, as_json: bool) -> None:
    """Show all SLOs: achieved, error budget left, coverage and burn rate."""
    _, statuses = _read(context)
    if as_json:
        print_json([status.to_json() for status in statuses])
        return
    for line in _table([COLUMNS, *(_row(status) for status in statuses)]):
        click.echo(line)


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def show(context: Context, name: str, *, as_json: bool) -> None:
    """Show one SLO: what is promised, why, and where it stands."""
    catalogue, statuses = _read(context)
    slo = catalogue.slo(name)
    if slo is None:
        known = ", ".join(sorted(one.name for one in catalogue.slos)) or "none"
        raise InputError(f"the catalogue has no SLO {name!r}; it has: {known}")
    status = next(one for one in statuses if one.name == name)
    if as_json:
        print_json(status.to_json() | {"description": slo.description, "impact": slo.impact, "team": slo.team})
        return
    click.echo(f"{slo.display_name}: {slo.description}")
    if slo.impact:
        click.echo(f"When missed: {slo.impact}")
    if status.span:
        zone = slo.window.calendar.time_zone if slo.window.calendar else "UTC"
        start, end = (words.moment(at, zone) for at in (status.span.start, status.span.end))
        click.echo(f"Window of the calendar: {start} to {end} ({zone})")
    click.echo()
    for line in _table([(label.capitalize(), value) for label, value in zip(COLUMNS, _row(status), strict=True)]):
        click.echo(line)


def _read(context: Context) -> tuple[Catalogue, tuple[SloStatus, ...]]:
    catalogue = load(context.settings.catalogue, context.settings.environment)
    with ExitStack() as stack:
        prometheus = stack.enter_context(connect(context.settings))
        return catalogue, slo_statuses(prometheus, catalogue, store=_store(context, catalogue, stack))


def _store(context: Context, catalogue: Catalogue, stack: ExitStack) -> Store | None:
    """The store, where a calendar window has to be told from sealed days and there is one."""
    if not any(slo.window.calendar for slo in catalogue.slos):
        return None
    try:
        return stack.enter_context(Store.open(context.settings.state, wait_s=0))
    except Unavailable:
        return None  # what `monitor work` exports is asked instead


def _row(status: SloStatus) -> tuple[str, ...]:
    digits = words.digits_for(status.objective)
    return (
        status.name,
        status.service,
        words.percent(status.objective, digits),
        status.window,
        words.percent(status.sli, digits),
        words.percent(status.error_budget_remaining, 1),
        words.UNKNOWN if status.burn_rate is None else f"{status.burn_rate:.2f}x",
        _standing(status),
    )


def _standing(status: SloStatus) -> str:
    """The verdict; a figure of too little time says so, whatever it is."""
    if status.verdict is not Verdict.INSUFFICIENT:
        return status.verdict.value
    coverage = "nothing measured" if not status.coverage else f"{words.percent(status.coverage, 1)} coverage"
    return f"{status.verdict.value} ({coverage})"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
