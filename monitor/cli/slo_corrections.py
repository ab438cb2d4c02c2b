"""``monitor slo correct``, ``withdraw`` and ``corrections``: maintenance that two people agreed does not count."""

from __future__ import annotations

from collections.abc import Iterator

import click

from monitor.catalogue.load import load
from monitor.cli import Context, pass_settings, print_json, slo_named
from monitor.cli.slo_backfill import QUERY_TIMEOUT_S
from monitor.compliance.corrections import Signed, correct, withdraw
from monitor.compliance.days import Span, instant
from monitor.compliance.sealing import zone_of
from monitor.compliance.shown import correction_json
from monitor.compliance.status import SloStatus
from monitor.compliance.tally import Figures
from monitor.render import report_words as words
from monitor.sources.prometheus import connect
from monitor.store import Store
from monitor.store_history import Correction, SloHistory, standing


@click.command("correct")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--from", "start", required=True, help="2026-11-22T01:00:00Z, or a day of the clinic (2026-11-22).")
@click.option("--to", "end", required=True, help="The same; it must be over.")
@click.option("--reason", required=True, help="Why this time does not count.")
@click.option("--by", required=True, help="Who wants it.")
@click.option("--approved-by", required=True, help="Who else stands for it: a second person.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def correct_command(
    context: Context,
    names: tuple[str, ...],
    start: str,
    end: str,
    reason: str,
    by: str,
    approved_by: str,
    *,
    as_json: bool,
) -> None:
    """Take a maintenance window out of what is counted for SLOs: for all that are named, or for none.

    It is recorded for good, with who, why and approved by. An SLA that counts the same requests is an SLO of its own.
    """
    settings = context.settings
    catalogue = load(settings.catalogue, settings.environment)
    slos, zone = [slo_named(catalogue, name) for name in dict.fromkeys(names)], zone_of(catalogue)
    span = Span(start=instant(start, zone), end=instant(end, zone))
    signed = Signed(reason=reason, by=by, approved_by=approved_by)
    signed.check()
    with Store.open(settings.state, wait_s=0) as store, connect(settings, timeout_s=QUERY_TIMEOUT_S) as prometheus:
        made = correct(prometheus, SloHistory(store), catalogue, slos, span, signed)
    if as_json:
        told = [correction_json(correction) for correction in made]
        print_json(told if len(told) > 1 else told[0])
        return
    for correction in made:
        _tell(correction, zone, as_json=False)


@click.command("withdraw")
@click.argument("correction_id", metavar="ID")
@click.option("--reason", required=True, help="Why the time counts after all.")
@click.option("--by", required=True, help="Who wants it.")
@click.option("--approved-by", required=True, help="Who else stands for it: a second person.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def withdraw_command(
    context: Context, correction_id: str, reason: str, by: str, approved_by: str, *, as_json: bool
) -> None:
    """Let a correction count no more; both records stay."""
    settings = context.settings
    zone = zone_of(load(settings.catalogue, settings.environment))
    with Store.open(settings.state, wait_s=0) as store:
        signed = Signed(reason=reason, by=by, approved_by=approved_by)
        _tell(withdraw(SloHistory(store), correction_id, signed), zone, as_json=as_json)


@click.command("corrections")
@click.argument("name", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def list_command(context: Context, name: str, *, as_json: bool) -> None:
    """List every correction and withdrawal, oldest first."""
    settings = context.settings
    catalogue = load(settings.catalogue, settings.environment)
    if name:
        slo_named(catalogue, name)
    with Store.open(settings.state, wait_s=0) as store:
        known = SloHistory(store).corrections(name)
    holding = {correction.id for correction in standing(known)}
    if as_json:
        print_json([correction_json(correction) | {"holds": correction.id in holding} for correction in known])
        return
    for correction in known:
        state = "holds" if correction.id in holding else "withdrawal" if correction.withdraws else "withdrawn"
        click.echo(f"{correction.id}  {state}\n  {line(correction, zone_of(catalogue))}")
    if not known:
        click.echo("no corrections")


def line(correction: Correction, zone: str) -> str:
    """Say a record in one line."""
    span = f"{words.moment(correction.start, zone)} to {words.moment(correction.end, zone)}"
    who = f"{correction.by}, approved by {correction.approved_by}"
    if correction.withdraws:
        return (
            f"{correction.slo}: {span} counts again, {correction.withdraws} is withdrawn: {correction.reason} ({who})"
        )
    told = correction_json(correction)
    off = "what was counted in it is unknown, so nothing is taken off"
    if told["total_events"] is not None:
        off = f"{words.count(told['bad_events'])} bad of {words.count(told['total_events'])} events taken off"
    return f"{correction.slo}: {span} does not count: {correction.reason} ({who}); {off}"


def window_lines(status: SloStatus, zone: str) -> Iterator[str]:
    """The same for people."""
    if not status.excluded.corrections:
        return
    yield ""
    for correction in status.excluded.corrections:
        yield line(correction, zone)
        if correction in status.excluded.unknown:
            yield "  In this window nothing is taken off for it: it lies in it in part, or was not counted."
    if status.before:
        yield f"Before corrections: {achieved(status.before, status.objective)}"
        after = Figures(sli=status.sli, error_budget_remaining=status.error_budget_remaining)
        yield f"After corrections: {achieved(after, status.objective)}"


def achieved(told: Figures, objective: float) -> str:
    """Both figures, in words."""
    share = words.percent(told.sli, words.digits_for(objective))
    return f"{share} achieved, {words.percent(told.error_budget_remaining, 1)} of the budget left"


def _tell(correction: Correction, zone: str, *, as_json: bool) -> None:
    if as_json:
        print_json(correction_json(correction))
    else:
        click.echo(f"{correction.id}\n  {line(correction, zone)}")
