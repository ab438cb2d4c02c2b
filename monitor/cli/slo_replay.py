"""``monitor slo replay``: what the alerts of an SLO would have done on what really happened."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from monitor import clock
from monitor.catalogue.load import load
from monitor.cli import Context, pass_settings, print_json, slo_named
from monitor.cli.slo_replay_shown import lines, replay_json
from monitor.compliance import period
from monitor.compliance.days import OLDEST
from monitor.compliance.incidents import read_incidents
from monitor.compliance.policies import read_policy
from monitor.compliance.replay import replay
from monitor.errors import InputError
from monitor.sources.prometheus import connect

QUERY_TIMEOUT_S = 60.0
"""A month of samples takes Prometheus longer than a console may wait."""


@click.command("replay")
@click.argument("name")
@click.option(
    "--from", "begin", default="30d", show_default=True, help="Time (2026-11-22T17:15:00Z), or back from --to."
)
@click.option("--to", "end", default="now", show_default=True, help="Time.")
@click.option(
    "--incidents",
    type=click.Path(path_type=Path),
    help="YAML or JSON: a list of {start, end, name}, of what is known to have happened.",
)
@click.option(
    "--objective", "others", multiple=True, help="Show this objective beside (99.9, or 0.999); may be repeated."
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="NAME|FILE",
    help="Show other burn alerts beside: workbook, pyrra, one-window, or a YAML file with a list of "
    "{severity, long, short, factor, for}; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: ratios 0-1, null where nothing is known.")
@pass_settings
def command(
    context: Context,
    name: str,
    begin: str,
    end: str,
    incidents: Path | None,
    others: tuple[str, ...],
    policies: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Replay the alerts of the SLO NAME on what Prometheus has kept: pages, tickets, and how good they were.

    The alerts are those of the rules as they are generated now, whichever were loaded then. Exits with 0 whatever it
    finds; with 3 if Prometheus could not be asked.
    """
    settings = context.settings
    catalogue = load(settings.catalogue, settings.environment)
    slo = slo_named(catalogue, name)
    known = read_incidents(incidents) if incidents is not None else None
    objectives, chosen = tuple(map(_objective, others)), tuple(map(read_policy, policies))
    with connect(settings, timeout_s=QUERY_TIMEOUT_S) as prometheus:
        found = replay(
            prometheus,
            slo,
            catalogue.environment,
            _span(begin, end),
            objectives=objectives,
            policies=chosen,
            incidents=known,
        )
    if as_json:
        print_json(replay_json(found))
        return
    for line in lines(found, slo.events):
        click.echo(line)


def _span(begin: str, end: str) -> tuple[datetime, datetime]:
    # Whole seconds: what is a moment old is not scraped yet.
    until = clock.now().replace(microsecond=0) if end == "now" else _instant("--to", end)
    if re.fullmatch(r"[0-9]+[a-z]", begin):
        return period.parse(begin, now=until, time_zone="UTC").start, until
    return _instant("--from", begin), until


def _instant(option: str, text: str) -> datetime:
    try:
        at = clock.from_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{option} {text[:40]!r}: write a time such as 2026-11-22T17:15:00Z") from error
    if at.year < OLDEST:
        raise InputError(f"{option} {text[:40]!r} is before anything was measured: write a time since {OLDEST}")
    return at


def _objective(text: str) -> Decimal:
    """``99.9`` or ``0.999``: nobody promises less than one percent."""
    try:
        value = Decimal(text.strip().removesuffix("%").strip())
        share = value / 100 if value >= 1 else value
    except InvalidOperation:  # no number, or one that says so itself
        share = Decimal(0)
    # As a float, which is what is counted with: one of twenty nines is 1, and has no budget.
    if 0 < float(share) < 1:
        return share
    raise InputError(f"--objective {text[:40]!r}: write a percentage below 100, such as 99.9")
