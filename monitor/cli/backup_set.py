"""``monitor backup set``: MongoDB, Redis and configuration of one instant, tied together."""

from __future__ import annotations

import click

from monitor.backup import set_retention, sets
from monitor.backup.opening import open_store
from monitor.backup.policy import Policy
from monitor.backup.set_taking import take
from monitor.cli import Context, leave, pass_settings, print_json
from monitor.cli.backup_place import recovery_of
from monitor.cli.backup_shared import json_option, state, store_option, with_store
from monitor.errors import Exit, Unavailable
from monitor.settings import Settings


@click.command("set")
@click.option("--without-secrets", is_flag=True, help="Leave out files with secrets where the store is not encrypted.")
@click.option("--show", "set_id", metavar="ID", help="Read a set, and see that its parts are still those.")
@click.option(
    "--prune", "keep", type=click.IntRange(min=1), help="Take none; keep the newest so many, delete the rest."
)
@click.option("--dry-run", is_flag=True, help="With --prune: only say what would go.")
@store_option
@json_option
@pass_settings
def command(
    context: Context,
    *,
    without_secrets: bool,
    set_id: str | None,
    keep: int | None,
    dry_run: bool,
    place: str | None,
    as_json: bool,
) -> None:
    """Take all three, one after the other, and tie them together in one manifest; take over new erasures first.

    Exit code 1: a part could not be made; the set says which, and why. With --prune sets go, and snapshots of Redis
    and configurations that no set which stays refers to; backups of MongoDB go by `backup prune`, which does both.
    """
    settings = with_store(context.settings, place)
    if keep is not None:
        _prune(settings, keep, dry_run=dry_run, as_json=as_json)
        return
    depot = open_store(settings).depot
    if set_id is not None:
        found = sets.load(depot, set_id)
        print_json(found.body())
        return
    with state(settings) as store:
        done = take(settings, recovery_of(settings), store, without_secrets=without_secrets)
    if as_json:
        print_json(done.body())
    else:
        parts = (done.mongodb, done.redis, done.configuration)
        click.echo(f"set {done.id}: " + ", ".join(part.id for part in parts if part))
    for reason in done.missing:
        click.echo(f"monitor: {reason}", err=True)
    leave(Exit.PROMISE_BROKEN if done.missing else Exit.GOOD)


def _prune(settings: Settings, keep: int, *, dry_run: bool, as_json: bool) -> None:
    with state(settings, without="which snapshots were verified is not known") as store:
        if store is None:
            raise Unavailable("backup set --prune: a verified snapshot must stay, so nothing is deleted")
        verified = set_retention.verified_snapshots(store)
        home = open_store(settings, pruning=True)
        gone = set_retention.prune(home, Policy(last=keep), verified=verified, dry_run=dry_run)
    if as_json:
        print_json({"deleted": list(gone), "dry_run": dry_run})
        return
    for one in gone:
        click.echo(f"{'would delete' if dry_run else 'deleted'} {one}")
    if not gone:
        click.echo("nothing to delete")
