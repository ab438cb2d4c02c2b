"""``monitor backup set``: MongoDB, Redis and configuration of one instant, tied together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import click

from monitor import backup, clock
from monitor.backup import erasures, set_retention, sets
from monitor.backup import redis as snapshots
from monitor.backup.depot import Depot
from monitor.backup.erasures import Head, keys, listing
from monitor.backup.opening import open_store
from monitor.backup.sets import BackupSet, Member
from monitor.cli import Context, leave, pass_settings, print_json
from monitor.cli.backup_configuration import keep
from monitor.cli.backup_place import alone, backup_client, recovery_of
from monitor.cli.backup_redis import address, remember
from monitor.cli.backup_shared import json_option, state, store_option, with_store
from monitor.errors import Exit, InputError, MonitorError, Unavailable
from monitor.settings import Settings
from monitor.store import Store


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
    and configurations that no set which stays refers to; backups of MongoDB go by `backup prune` alone.
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
        done = take(settings, depot, store, without_secrets=without_secrets)
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
        records = store.records("redis")
        verified = frozenset(str(one.body["backup"]) for one in records if one.body.get("outcome") == "passed")
        home = open_store(settings, pruning=True)
        gone = set_retention.prune(home, keep, verified=verified, dry_run=dry_run)
    if as_json:
        print_json({"deleted": list(gone), "dry_run": dry_run})
        return
    for one in gone:
        click.echo(f"{'would delete' if dry_run else 'deleted'} {one}")
    if not gone:
        click.echo("nothing to delete")


def take(settings: Settings, depot: Depot, store: Store | None, *, without_secrets: bool) -> BackupSet:
    """Make each part; one that fails does not keep the others from being made."""
    started = clock.now()
    missing: list[str] = []

    def part(what: str, make: Callable[[], Member]) -> Member | None:
        try:
            return make()
        except MonitorError as error:
            missing.append(f"{what}: {error}")
            return None

    done = BackupSet(
        id=clock.new_id("set", started),
        started_at=started,
        erasures=_collected(settings, depot, store, missing),
        mongodb=part("mongodb", lambda: _mongodb(settings, depot, store)),
        redis=part("redis", lambda: _redis(settings, depot, store)),
        configuration=part(
            "configuration", lambda: _configuration(settings, depot, store, without_secrets=without_secrets)
        ),
        missing=tuple(missing),
        finished_at=clock.now(),
    )
    sets.save(depot, done)
    if store is not None:
        try:
            store.put("set", done.id, done.body(), at=clock.now())
        except sqlite3.Error as error:
            raise Unavailable(f"{done.id} could not be recorded in {store.path} ({type(error).__name__})") from error
    return done


def _collected(settings: Settings, depot: Depot, store: Store | None, missing: list[str]) -> Head | None:
    """Take over whom the application has erased, and note where the list stands; where none is kept, nothing."""
    if settings.erasure_signing_key_file is None:
        return None
    try:
        signing = keys.signer(settings.erasure_signing_key_file)
        with backup_client(settings) as client:
            subjects, why = erasures.collect(client, recovery_of(settings))
        exclusive = alone(settings, "erasures")
        erasures.add(depot, subjects, by="application", why=why, keys=signing, exclusive=exclusive, store=store)
        entries = listing.load(depot, signing[1], [listing.known_head(store), sets.erasures_head(depot)])
    except MonitorError as error:
        missing.append(f"erasures: {error}")
        return None
    return entries[-1].head if entries else Head()


def _mongodb(settings: Settings, depot: Depot, store: Store | None) -> Member:
    record = backup.take(settings, store=store)
    if record.outcome != "passed":
        raise Unavailable(f"no backup was made: {record.reason}")
    try:
        return sets.member(depot, f"{record.id}/manifest.json", record.id)
    except KeyError:
        raise InputError(f"{record.id} is not in {depot.name}: give the same store to all parts") from None


def _redis(settings: Settings, depot: Depot, store: Store | None) -> Member:
    snapshot = snapshots.take(depot, address(settings))
    remember(store, snapshot)
    return sets.member(depot, f"redis/{snapshot.id}/manifest.json", snapshot.id)


def _configuration(settings: Settings, depot: Depot, store: Store | None, *, without_secrets: bool) -> Member:
    kept = keep(settings, depot, store, without_secrets=without_secrets)
    return sets.member(depot, f"configuration/{kept.id}/manifest.json", kept.id)
