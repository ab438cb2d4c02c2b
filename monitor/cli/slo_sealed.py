"""``monitor slo sealed``: what was told of each day, in every version, and whether it is still told so."""

from __future__ import annotations

from typing import Any

import click

from monitor import clock
from monitor.catalogue.load import load
from monitor.cli import Context, leave, pass_settings, print_json, slo_named
from monitor.errors import Exit, InputError
from monitor.render import report_words as words
from monitor.store import Store
from monitor.store_history import SealedDay, SloHistory
from monitor.store_mark import agrees, mark


@click.command("sealed")
@click.argument("name", required=False, default="")
@click.option(
    "--check",
    "made",
    metavar="MARK",
    default="",
    help="Whether all is still told as when this mark was made (in a report).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def command(context: Context, name: str, made: str, *, as_json: bool) -> None:
    """List the sealed days of the SLO NAME, every version with its reason; without NAME, print a mark of all of them.

    With --check, exits with 1 if anything that was sealed when the mark was made has been changed or removed since.
    """
    if name and made:
        raise InputError("--check is about the days of all SLOs: leave the name out")
    if name:
        slo_named(load(context.settings.catalogue, context.settings.environment), name)
    with Store.open(context.settings.state, wait_s=0) as store:
        if name:
            _list(SloHistory(store).every_version(name), as_json=as_json)
            return
        same = agrees(store, made) if made else None
        now = mark(store)
    if as_json:
        print_json({"mark": now, "agrees": same})
    else:
        told = {True: "all is told as it was then", False: "something that was told then was changed or removed"}
        click.echo(now if same is None else told[same])
    leave(Exit.PROMISE_BROKEN if same is False else Exit.GOOD)


def _list(days: tuple[SealedDay, ...], *, as_json: bool) -> None:
    if as_json:
        print_json([_json(day) for day in days])
        return
    for line in map(_line, days):
        click.echo(line)
    if not days:
        click.echo("no day is sealed")


def _json(day: SealedDay) -> dict[str, Any]:
    return {
        "day": day.day,
        "start": clock.to_rfc3339(day.start),
        "end": clock.to_rfc3339(day.end),
        "version": day.version,
        "sealed_at": clock.to_rfc3339(day.sealed_at),
        "reason": day.reason,
        "objective": day.objective,
        "sli": day.sli,
        "good_events": day.good_events,
        "bad_events": day.bad_events,
        "total_events": day.total_events,
        "coverage": day.covered / (day.end - day.start),
    }


def _line(day: SealedDay) -> str:
    covered = words.percent(day.covered / (day.end - day.start), 1)
    counted = f"{words.count(day.bad_events)} bad of {words.count(day.total_events)}, {covered} measured"
    return f"{day.day}  v{day.version}  {counted}  ({day.reason}; {clock.to_rfc3339(day.sealed_at)})"
