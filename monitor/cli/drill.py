"""``monitor drill``: rehearse a disaster, and read what earlier rehearsals found."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from monitor import clock, drills
from monitor.catalogue.load import load
from monitor.cli import Context, leave, pass_settings, print_json
from monitor.drills.journal import Step
from monitor.errors import Exit, InputError
from monitor.store import Record, Store

EXIT = {"passed": Exit.GOOD, "failed": Exit.PROMISE_BROKEN, "aborted": Exit.UNKNOWN, "unknown": Exit.UNKNOWN}
STORE_WAIT_S = 1.0


@click.group()
def command() -> None:
    """Run disaster-recovery drills and read their journals."""


json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@command.command("list")
@json_option
@pass_settings
def list_command(context: Context, *, as_json: bool) -> None:
    """List the drills there are, what each must achieve, and how it went last."""
    settings = context.settings
    catalogue = load(settings.catalogue, settings.environment)
    last = {str(record.body["drill"]): record.body for record in reversed(_journals(context, missing_is_empty=True))}
    rows = [
        {
            "name": plan.name,
            "title": plan.title,
            "breaking": plan.breaking,
            "schedule": plan.schedule or None,
            "targets": {name: float(limit) for name, limit in sorted(plan.targets.items())},
            "last": _brief(last[plan.name]) if plan.name in last else None,
        }
        for plan in catalogue.drills
        if plan.name in {drill.name for drill in drills.DRILLS}
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        done = f"{row['last']['outcome']} {row['last']['started_at']}" if isinstance(row["last"], dict) else "never run"
        click.echo(f"{row['name']:<20} {row['title']:<34} {done}")


@command.command()
@click.argument("name")
@json_option
@pass_settings
def run(context: Context, name: str, *, as_json: bool) -> None:
    """Run the drill NAME on the running stack: break it, measure, put it right.

    Exit code 1: a target was missed, or something could not be put right; 2: refused, nothing was touched; 3: broken
    off, or a target could not be measured. Ctrl-C rolls back first.
    """
    settings = context.settings
    catalogue = load(settings.catalogue, settings.environment)
    drills.find(name, catalogue)
    with Store.open(settings.state, wait_s=STORE_WAIT_S) as store, _stop_on_signals() as stop:
        journal = drills.run(name, settings, catalogue, store, stop=stop, show=_show)
    if as_json:
        print_json(journal.body())
    else:
        click.echo(f"{journal.outcome}: {journal.reason}")
        click.echo(f"journal: monitor drill show {journal.id}")
    leave(EXIT[journal.outcome])


@command.command()
@click.argument("drill_id", metavar="ID")
@json_option
@pass_settings
def show(context: Context, drill_id: str, *, as_json: bool) -> None:
    """Show the journal of one drill."""
    with Store.open(context.settings.state, wait_s=STORE_WAIT_S) as store:
        record = store.get("drill", drill_id)
    if record is None:
        raise InputError(f"no drill has the id {drill_id!r}: `monitor drill history` lists them")
    if as_json:
        print_json(record.body)
        return
    body = record.body
    click.echo(f"{body['title']} ({body['drill']}): {body['outcome']}\n{body['reason']}\n")
    for step in body["steps"]:
        click.echo(f"  {step['at'][11:19]}  {'  ' if step['ok'] else '! '}{step['what']}")
    click.echo()
    for measurement, value in sorted(body["measurements"].items()):
        click.echo(f"  {measurement:<22} {'not measured' if value is None else value}")


@command.command()
@json_option
@pass_settings
def history(context: Context, *, as_json: bool) -> None:
    """List the drills that were run, newest first."""
    rows = [_brief(record.body) for record in _journals(context)]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['id']:<42} {row['outcome']:<8} {row['reason']}")


def _journals(context: Context, *, missing_is_empty: bool = False) -> tuple[Record, ...]:
    if missing_is_empty and not context.settings.state.exists():
        return ()
    with Store.open(context.settings.state, wait_s=STORE_WAIT_S) as store:
        return store.records("drill")


def _brief(body: dict[str, Any]) -> dict[str, Any]:
    fields = ("id", "drill", "started_at", "finished_at", "outcome", "reason", "measurements")
    return {name: body.get(name) for name in fields}


def _show(step: Step) -> None:
    """Tell each step on standard error as it happens, so that standard output stays for the answer."""
    mark = " " if step.ok else "!"
    click.echo(f"{clock.to_rfc3339(step.at)[11:19]} {mark} {step.what}", err=True)


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """Turn SIGINT and SIGTERM into a request to stop, so that the rollback runs first."""
    stop = threading.Event()
    before = {signum: signal.signal(signum, lambda *_: stop.set()) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
