"""``monitor gate``: may changes go out?"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import click

from monitor import clock
from monitor.catalogue import durations
from monitor.catalogue.load import load
from monitor.cli import Context, leave, pass_settings, print_json, slo_named
from monitor.compliance.gate import Gate, gate, override, overrides
from monitor.compliance.policy_standing import standing
from monitor.errors import Exit, InputError, Unavailable
from monitor.settings import Settings
from monitor.sources.prometheus import connect
from monitor.store import Store

STORE_WAIT_S = 1.0

EXIT = {True: Exit.GOOD, False: Exit.PROMISE_BROKEN, None: Exit.UNKNOWN}


@click.command("gate")
@click.argument("name", metavar="SLO")
@click.option(
    "--override", "overriding", is_flag=True, help="Let changes go out for a while; kept, and ends by itself."
)
@click.option("--reason", default="", help="Why (with --override).")
@click.option("--by", default="", help="Who (with --override).")
@click.option("--for", "length", metavar="SPAN", help="How long (with --override): 30m, 2h, 1d.")
@click.option("--history", is_flag=True, help="List the overrides that there were, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def command(
    context: Context,
    name: str,
    reason: str,
    by: str,
    length: str | None,
    *,
    overriding: bool,
    history: bool,
    as_json: bool,
) -> None:
    """Say whether changes may go out, by what is left of the error budget of the SLO.

    Exits with 0 if they may, 1 if they are frozen, 3 if nobody can say: too little was measured, or Prometheus could
    not be asked.
    """
    settings = context.settings
    catalogue = load(settings.catalogue, settings.environment)
    slo = slo_named(catalogue, name)
    span = _checked(reason, by, length, overriding=overriding, history=history)
    if history:
        _history(settings, name, as_json=as_json)
        return
    with ExitStack() as stack:
        store = _store(settings, stack, needed=overriding)
        found = standing(stack.enter_context(connect(settings)), catalogue, slo, store)
        if overriding and store:
            override(store, found, reason=reason, by=by, length=span, now=clock.now())
        answer = gate(found, store, clock.now())
    _show(answer, as_json=as_json)
    leave(EXIT[answer.allowed])


def _checked(reason: str, by: str, length: str | None, *, overriding: bool, history: bool) -> timedelta:
    """How long an override lasts; options that say nothing without another are refused."""
    if history and overriding:
        raise InputError("--history lists and --override writes: give one of them")
    if not overriding:
        if reason or by or length:
            raise InputError("--reason, --by and --for belong to --override: add it, or leave them out")
        return timedelta(0)
    if not length:
        raise InputError("an override ends by itself: say after how long (--for 2h)")
    try:
        return durations.parse(length)
    except ValueError as error:
        raise InputError(f"--for {error}") from error


def _store(settings: Settings, stack: ExitStack, *, needed: bool) -> Store | None:
    """The store; where none can be read no override can be known, and that is said.

    Raises:
        Unavailable: it is ``needed`` and cannot be used.
    """
    try:
        return stack.enter_context(Store.open(settings.state, wait_s=STORE_WAIT_S if needed else 0))
    except Unavailable as error:
        if needed:
            raise
        click.echo(f"monitor: whether there is an override is not known: {error}", err=True)
        return None


def _history(settings: Settings, name: str, *, as_json: bool) -> None:
    with Store.open(settings.state, wait_s=STORE_WAIT_S) as store:
        made = overrides(store, name)
    if as_json:
        print_json([one.to_json() for one in made])
        return
    for one in made:
        at, until = clock.to_rfc3339(one.at.replace(microsecond=0)), clock.to_rfc3339(one.until.replace(microsecond=0))
        click.echo(f"{at} to {until}  {one.by}: {one.reason} (it was {one.state})")


def _show(answer: Gate, *, as_json: bool) -> None:
    if as_json:
        print_json(answer.to_json())
        return
    verdict = {True: "changes may go out", False: "changes wait", None: "unknown"}[answer.allowed]
    click.echo(f"{answer.standing.slo.name}: {answer.standing.state}, {verdict}. {answer.reason}")
