"""``monitor backup capture``: the oplog by hand, where ``monitor work`` does not run."""

from __future__ import annotations

import functools
import signal
import threading

import click

from monitor.backup.opening import open_store
from monitor.backup.oplog import owner, point
from monitor.backup.oplog.capture import Round
from monitor.backup.recovery import bases
from monitor.catalogue.load import load
from monitor.cli import Context, pass_settings, print_json
from monitor.cli.backup_shared import json_option, locked_for, size, state, store_option, with_store
from monitor.errors import InputError
from monitor.store import Store


@click.command()
@click.option("--once", is_flag=True, help="Capture what is there now, and end.")
@store_option
@json_option
@pass_settings
def capture(context: Context, place: str | None, *, once: bool, as_json: bool) -> None:
    """Capture the oplog in slices, so that every second since a backup can be restored.

    `monitor work` does so by itself; this is for where it does not run. Only one process at a time captures: a second
    one ends at once with exit code 2. Exit code 3: MongoDB or the storage cannot be reached.
    """
    settings = with_store(context.settings, place)
    newest = functools.partial(bases.newest_recovery_point, settings)
    if not once:
        recovery = load(settings.catalogue, settings.environment).recovery
        if recovery is None:
            raise InputError("backup capture: the catalogue has no recovery.yaml that says how often: give --once")
        Store.migrate(settings.state).close()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        every_s = recovery.capture_every.total_seconds()
        home = open_store(settings, locked_for=recovery.locked_for)
        with home.alone("capture") as sure:
            owner.run(settings, home.depot, newest, every_s=every_s, stop=stop, sure=sure, watch=_tell_round)
        return
    home = open_store(settings, locked_for=locked_for(settings))
    unnoticed = "an older chain that was put back would not be noticed"
    with state(settings, without=unnoticed) as store, home.alone("capture"), owner.alone(settings):
        done = owner.once(settings, home.depot, store, newest)
    if as_json:
        print_json(done.body())
    else:
        _tell_round(done)


def _tell_round(done: Round | None) -> None:
    if done is None:
        return  # it is logged
    reached = f"reaches {point.shown(done.head.end)}" if done.head is not None else "holds nothing"
    click.echo(f"captured {done.entries} entries in {done.slices} slices ({size(done.bytes)}); the store {reached}")
    for _, sentence in done.found:
        click.echo(f"monitor: backup capture: {sentence}", err=True)
