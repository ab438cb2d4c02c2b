"""``monitor slo backfill``: an SLO's past from raw metrics, so that nobody waits for 30 days."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import click

from monitor import clock
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, Slo
from monitor.cli import Context, pass_settings, print_json, slo_named
from monitor.compliance.backfill import Backfill, Filled
from monitor.compliance.days import Span, instant
from monitor.compliance.sealing import zone_of
from monitor.errors import InputError, Unavailable
from monitor.settings import Settings
from monitor.sources.prometheus import connect
from monitor.store import Store

QUERY_TIMEOUT_S = 120.0
"""A month of a hundred series takes Prometheus a while."""

LOAD = "promtool tsdb create-blocks-from --max-block-duration=24h openmetrics"

QUARTER = timedelta(minutes=15)


@click.command("backfill")
@click.argument("names", nargs=-1)
@click.option("--from", "start", required=True, help="A day of the clinic (2026-11-01), or 2026-11-01T00:00:00Z.")
@click.option("--to", "end", default="", help="The same; default: now.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Also write the recorded series there, one OpenMetrics file a day."
)
@click.option(
    "--reseal", "reason", default="", metavar="REASON", help="Tell sealed days anew where they differ, and why."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def command(
    context: Context, names: tuple[str, ...], start: str, end: str, out: Path | None, reason: str, *, as_json: bool
) -> None:
    """Seal the days of SLOs (default: all) from raw metrics, and write the series that the rules would have recorded.

    Load each file once with `promtool tsdb create-blocks-from --max-block-duration=24h openmetrics FILE DATA_DIR`.
    They end where the rules' own record begins.
    """
    settings = context.settings
    catalogue = load(settings.catalogue, settings.environment)
    zone = zone_of(catalogue)
    now = clock.now().replace(microsecond=0)
    span = _span(start, end, zone, now)
    if out is not None:
        _directory(out)
    with ExitStack() as stack:
        filled = Backfill(
            prometheus=stack.enter_context(connect(settings, timeout_s=QUERY_TIMEOUT_S)),
            catalogue=catalogue,
            slos=_chosen(catalogue, names),
            store=_store(settings, stack, needed=out is None),
            out=out,
            reason=reason or "backfilled",
            again=bool(reason),
            progress=lambda piece: click.echo(f"reading {piece.start:%Y-%m-%d} to {piece.end:%Y-%m-%d}", err=True),
        ).run(span.start, span.end, now)
    _tell(filled, as_json=as_json)


def _store(settings: Settings, stack: ExitStack, *, needed: bool) -> Store | None:
    """The store that days are sealed in; without one, the files can still be written."""
    try:
        return stack.enter_context(Store.open(settings.state, wait_s=0))
    except Unavailable as error:
        if needed:
            raise
        click.echo(f"monitor: no day is sealed: {error}", err=True)
        return None


def _chosen(catalogue: Catalogue, names: Sequence[str]) -> tuple[Slo, ...]:
    """The SLOs of these names; all, where none is named.

    Raises:
        InputError: the catalogue has none of that name, or none at all.
    """
    if not catalogue.slos:
        raise InputError("the catalogue has no SLO: there is nothing to backfill")
    return tuple(slo_named(catalogue, name) for name in dict.fromkeys(names)) or catalogue.slos


def _span(start: str, end: str, zone: str, now: datetime) -> Span:
    begin, last = instant(start, zone), instant(end, zone) if end else now
    # Cells begin at the hour, so that what is read twice is cut the same way.
    begin -= timedelta(seconds=begin.timestamp() % QUARTER.total_seconds())
    if begin >= min(last, now):
        raise InputError(f"--from {start} is not before --to {end or 'now'}, or not in the past")
    return Span(start=begin, end=min(last, now))


def _directory(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {out}: {error.strerror}: choose another directory by --out") from error


def _tell(filled: Filled, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "from": clock.to_rfc3339(filled.span.start),
                "to": clock.to_rfc3339(filled.span.end),
                "days_sealed": filled.days_sealed,
                "files": [str(file) for file in filled.files],
                "series_until": {name: clock.to_rfc3339(at) for name, at in filled.series_until.items()},
            }
        )
        return
    click.echo(f"{filled.days_sealed} days sealed")
    if filled.files:
        click.echo(f"{len(filled.files)} files written, {filled.files[0]} to {filled.files[-1].name}. Load each once:")
        click.echo(f"  {LOAD} {filled.files[0]} PROMETHEUS_DATA_DIR")
