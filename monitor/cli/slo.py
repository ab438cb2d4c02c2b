"""``monitor slo list`` and ``monitor slo show``: where each SLO stands. ``validate`` has a module of its own."""

from __future__ import annotations

from contextlib import ExitStack

import click

from monitor.catalogue.load import load
from monitor.cli import (
    Context,
    pass_settings,
    print_json,
    slo_backfill,
    slo_corrections,
    slo_named,
    slo_replay,
    slo_sealed,
    slo_validate,
)
from monitor.compliance.sealing import zone_of
from monitor.compliance.shown import slo_json
from monitor.compliance.status import SloStatus, slo_statuses
from monitor.errors import Unavailable
from monitor.render import report_words as words
from monitor.slo.verdict import Verdict
from monitor.sources.prometheus import Prometheus, connect
from monitor.store import Store

COLUMNS = ("SLO", "SERVICE", "OBJECTIVE", "WINDOW", "ACHIEVED", "BUDGET LEFT", "BURN 1H", "STANDING")


@click.group()
def command() -> None:
    """Show where each SLO stands and what its alerts would have done; build its past, correct it; validate files."""


command.add_command(slo_replay.command)
command.add_command(slo_backfill.command)
command.add_command(slo_corrections.correct_command)
command.add_command(slo_corrections.withdraw_command)
command.add_command(slo_corrections.list_command)
command.add_command(slo_sealed.command)
command.add_command(slo_validate.command)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: ratios 0-1, null where nothing is known.")
@pass_settings
def list_(context: Context, *, as_json: bool) -> None:
    """Show all SLOs: achieved, error budget left, coverage and burn rate."""
    statuses = _read(context)
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
    """Show one SLO: what is promised, why, where it stands, and what corrections changed."""
    catalogue = load(context.settings.catalogue, context.settings.environment)
    slo = slo_named(catalogue, name)
    with ExitStack() as stack:
        prometheus, store = _open(context, stack)
        status = next(one for one in slo_statuses(prometheus, catalogue, store=store) if one.name == name)
    if as_json:
        print_json(slo_json(slo, status))
        return
    click.echo(f"{slo.display_name}: {slo.description}")
    if slo.impact:
        click.echo(f"When missed: {slo.impact}")
    if status.span and slo.window.calendar:
        zone = slo.window.calendar.time_zone
        start, end = (words.moment(at, zone) for at in (status.span.start, status.span.end))
        click.echo(f"Window of the calendar: {start} to {end} ({zone})")
    click.echo()
    for line in _table([(label.capitalize(), value) for label, value in zip(COLUMNS, _row(status), strict=True)]):
        click.echo(line)
    for line in slo_corrections.window_lines(status, zone_of(catalogue)):
        click.echo(line)


def _read(context: Context) -> tuple[SloStatus, ...]:
    catalogue = load(context.settings.catalogue, context.settings.environment)
    with ExitStack() as stack:
        prometheus, store = _open(context, stack)
        return slo_statuses(prometheus, catalogue, store=store)


def _open(context: Context, stack: ExitStack) -> tuple[Prometheus, Store | None]:
    """Prometheus, and the store where there is one; else what ``monitor work`` exports of calendar windows is asked."""
    prometheus = stack.enter_context(connect(context.settings))
    try:
        return prometheus, stack.enter_context(Store.open(context.settings.state, wait_s=0))
    except Unavailable:
        return prometheus, None


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
    """The verdict; a figure of too little time says so, whatever it is, and so does one that was corrected."""
    notes = []
    if status.verdict is Verdict.INSUFFICIENT:
        notes.append("nothing measured" if not status.coverage else f"{words.percent(status.coverage, 1)} coverage")
    if status.before:
        notes.append(f"before corrections {slo_corrections.achieved(status.before, status.objective)}")
    return f"{status.verdict.value} ({'; '.join(notes)})" if notes else status.verdict.value


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
