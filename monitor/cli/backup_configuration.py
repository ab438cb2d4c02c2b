"""``monitor backup configuration``: keep configuration and state, and lay them out again."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.backup import configuration
from monitor.backup.configuration.recorded import keep
from monitor.backup.depot import Depot
from monitor.backup.opening import open_store
from monitor.cli import Context, leave, pass_settings, print_json
from monitor.cli.backup_shared import json_option, state, store_option, with_store
from monitor.errors import Exit, InputError


@click.command("configuration")
@click.option("--extract", "backup_id", metavar="ID", help="Lay out the files of one (`newest` names the newest).")
@click.option("--out", type=click.Path(path_type=Path), help="Where to: a directory that is not there yet.")
@click.option("--without-secrets", is_flag=True, help="Leave out files with secrets where the store is not encrypted.")
@store_option
@json_option
@pass_settings
def command(
    context: Context,
    *,
    backup_id: str | None,
    out: Path | None,
    without_secrets: bool,
    place: str | None,
    as_json: bool,
) -> None:
    """Keep configuration and state: catalogue, generated files, deployment, replica set, key vault, the monitor's own.

    Exit code 0: all of it is kept; 1: something could not be had, which is said (the rest is kept); 2: wrong use, or
    secrets and a store that is not encrypted.
    """
    settings = with_store(context.settings, place)
    depot = open_store(settings).depot
    if backup_id is not None or out is not None:
        _extract(depot, backup_id, out, as_json=as_json)
        return
    with state(settings) as store:
        kept = keep(settings, depot, store, without_secrets=without_secrets)
    if as_json:
        print_json(kept.body())
    else:
        click.echo(f"configuration {kept.id}: {len(kept.files)} files, {len(kept.artifacts)} artifacts by version")
    for name in kept.left_out:
        click.echo(f"monitor: {name} holds secrets and was left out: the store is not encrypted", err=True)
    for missing in kept.missing:
        click.echo(f"monitor: {missing.name} is missing: {missing.reason}", err=True)
    leave(Exit.PROMISE_BROKEN if kept.missing else Exit.GOOD)


def _extract(depot: Depot, backup_id: str | None, out: Path | None, *, as_json: bool) -> None:
    if backup_id is None or out is None:
        raise InputError("--extract and --out go together: which one, and where to")
    chosen = configuration.newest(depot) if backup_id == "newest" else backup_id
    found = configuration.extract(depot, chosen, out)
    if as_json:
        print_json(found.body() | {"out": str(out)})
    else:
        click.echo(f"{len(found.files)} files of {found.id} are in {out}, each as it was kept")
