"""``monitor restore``: to any captured instant, or from a stock mongodump directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from monitor.backup import application, forgetting, mongodump, restore, scratch
from monitor.backup.depot import Depot, make_directories
from monitor.backup.erasures import Applied
from monitor.backup.manifest import is_backup_id
from monitor.backup.model import ClusterTime
from monitor.backup.oplog import point
from monitor.backup.oplog.anchor import Memory
from monitor.backup.oplog.replay import ReplayError
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.recovery import bases, plan, target
from monitor.backup.recovery.progress import Progress
from monitor.backup.recovery.run import Done, DumpOplog, Entries, restore_into
from monitor.catalogue.load import load
from monitor.cli import Context, leave, pass_settings, print_json
from monitor.cli.backup_shared import (
    Show,
    json_option,
    keyset_option,
    offsite_option,
    size,
    state,
    stopped_by_sigterm,
    store_option,
    with_store,
)
from monitor.errors import Exit, InputError, Unsafe, printable
from monitor.settings import Settings
from monitor.sources import mongodb
from monitor.sources.mongodb import Client

END_OF_TIME = ClusterTime(time=2**32 - 1, increment=2**32 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Into:
    """What the command line says of the target; without ``uri`` a scratch server is meant."""

    uri: str | None
    username: str
    password_file: Path | None
    overwrite: bool
    confirmed: str | None
    production: bool
    scratch: Path | None


@click.command()
@click.option(
    "--at", "when", metavar="TIME", help="RFC 3339, <seconds>.<increment> of the oplog, latest, or a backup's ID."
)
@click.option("--dump", type=click.Path(path_type=Path), metavar="DIR", help="Restore a mongodump directory instead.")
@click.option("--into", "uri", metavar="URI", help="The server to restore into (default: a scratch server).")
@click.option("--username", default="", help="User of the target; needs --password-file as well.")
@click.option("--password-file", type=click.Path(path_type=Path), help="File that holds nothing but the password.")
@click.option("--overwrite", is_flag=True, help="Drop what the target holds; it asks for the target's name first.")
@click.option("--confirm", "confirmed", metavar="HOSTS", help="Answer to what --overwrite asks, for scripts.")
@click.option("--i-mean-production", "production", is_flag=True, help="Allow the servers that are backed up.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Where a scratch server's data goes.")
@click.option("--dry-run", is_flag=True, help="Only print the plan.")
@store_option
@offsite_option
@keyset_option
@json_option
@pass_settings
def command(
    context: Context,
    /,
    when: str | None,
    dump: Path | None,
    place: str | None,
    keyset: Path | None,
    *,
    offsite: bool,
    dry_run: bool,
    as_json: bool,
    **into: object,
) -> None:
    """Restore the databases as they were at TIME, or a mongodump directory.

    Into an empty server named by --into; without it into a scratch server, which is thrown away: that proves that it
    can be done, and how long it takes. What was broken off goes on where it was when the same command is given again.

    Exit code 1: the restore failed; 2: refused, for the reason told; 3: a server does not answer.
    """
    settings = with_store(context.settings, place, offsite=offsite, keyset=keyset)
    where = Into(**into)  # type: ignore[arg-type]  # click hands over what the options above declare
    if (when is None) == (dump is None):
        raise InputError("restore: give --at TIME, or --dump DIR")
    try:
        if dump is not None:
            _restore_dump(settings, dump, where, dry_run=dry_run, as_json=as_json)
        else:
            _restore_at(settings, str(when), where, dry_run=dry_run, as_json=as_json)
    except (restore.RestoreError, ReplayError) as error:
        click.echo(f"monitor: the restore failed: {printable(str(error))}", err=True)
        leave(Exit.PROMISE_BROKEN)


def _restore_at(settings: Settings, when: str, where: Into, *, dry_run: bool, as_json: bool) -> None:
    wanted = None if is_backup_id(when) else point.parse_target(when)
    depot = bases.depot_of(settings)
    with state(settings, without="which backups were verified is not known") as store:
        there = bases.bases(settings, store, named=when)
        wanted = wanted or plan.as_taken(there, when)
        found = plan.of_one_set(there, wanted)
        replica_set = found[-1].replica_set if found else ""
        anchor = Memory(store, depot.name).anchor(replica_set)
    shelf = Shelf(depot, replica_set)
    made = plan.make(found, shelf, wanted, anchor)
    if not as_json or not dry_run:
        _show(made, as_json=as_json)
    if dry_run:
        if as_json:
            print_json(made.body())
        return
    with (
        stopped_by_sigterm(),
        _forgetting(settings, depot, where) as forget,
        Show() as show,
        bases.staged(settings, made.base, show, where.scratch) as root,
    ):
        dumped = mongodump.read_dump(root)
        with _target(settings, where, made.base.server_version) as (client, kept):
            done = restore_into(
                client,
                dumped,
                Entries(shelf, made.slices),
                Progress(client, made.base.id, made.at, kept=kept),
                begin=made.base.recovery_point,
                forget=forget,
                total=made.oplog_bytes,
                progress=show,
            )
    _tell(done, where, made.body() if as_json else None)


def _restore_dump(settings: Settings, dump: Path, where: Into, *, dry_run: bool, as_json: bool) -> None:
    dumped = mongodump.read_dump(dump)
    oplog = mongodump.oplog_of(dump)
    if not dumped and oplog is None:
        raise InputError(f"restore: {dump} is no mongodump directory: it holds no DATABASE/COLLECTION.metadata.json")
    if dry_run:
        rows = [one.namespace for one in dumped]
        plan_body = {"dump": str(dump), "collections": rows, "oplog": oplog is not None}
        if as_json:
            print_json(plan_body)
        else:
            click.echo(f"{dump}: {len(rows)} collections{', and an oplog' if oplog else ''}")
        return
    with (
        stopped_by_sigterm(),
        _forgetting(settings, bases.depot_of(settings), where) as forget,
        Show() as show,
        _target(settings, where) as (client, kept),
    ):
        done = restore_into(
            client,
            dumped,
            DumpOplog(oplog) if oplog is not None else Entries(None, ()),
            Progress(client, f"{dump.absolute().name} {mongodump.fingerprint(dumped, oplog)}", END_OF_TIME, kept=kept),
            begin=point.ZERO,
            forget=forget,
            fuzzy=True,
            progress=show,
        )
    _tell(done, where, {"dump": str(dump)} if as_json else None)


@contextmanager
def _forgetting(settings: Settings, depot: Depot, where: Into) -> Iterator[Callable[[Client], Applied]]:
    """Give what every restore ends with. The list is read first: no restore begins that could not end."""
    recovery = load(settings.catalogue, settings.environment).recovery
    named = None
    if where.uri is not None:
        named = application.Target(uri=where.uri, username=where.username, password_file=where.password_file)
    with state(settings, without="a list of erasures that was cut off cannot be told from a short one") as store:
        yield forgetting.after_restore(settings, depot, recovery, named, store)


@contextmanager
def _target(settings: Settings, where: Into, release: str = "") -> Iterator[tuple[Client, bool]]:
    """Give the target, empty or with a restore of ours to go on with, and whether it outlives us."""
    if where.uri is None:
        mongod = scratch.suitable_mongod(settings.mongod, release) if release else scratch.find_mongod(settings.mongod)
        if where.scratch is None:
            make_directories(settings.backups)
        with scratch.scratch_mongod(mongod, where.scratch or settings.backups) as client:
            yield client, False
        return
    hosts = mongodb.hosts(where.uri)
    with target.connected(where.uri, where.username, where.password_file) as client:
        if not where.production:
            target.refuse_production(client, where.uri, settings)
        there = target.occupied(client, hosts)
        if where.overwrite:
            _confirm(hosts, where.confirmed, there)
            target.empty(client, hosts)
        elif there and not target.broken_off(client, hosts):
            raise Unsafe(
                f"restore: {hosts} is not empty ({', '.join(there[:3])}{' ...' if there[3:] else ''}): name an empty "
                "server, or let it be dropped by --overwrite"
            )
        yield client, True


def _confirm(hosts: str, confirmed: str | None, there: tuple[str, ...]) -> None:
    if confirmed is None:
        click.echo(f"{len(there)} collections of {hosts} will be dropped.", err=True)
        confirmed = click.prompt("Type the target's hosts to go on", default="", show_default=False, err=True)
    if confirmed != hosts:
        raise Unsafe(f"restore: --overwrite was not confirmed: {hosts} was to be typed; nothing was changed")


def _show(made: plan.Plan, *, as_json: bool) -> None:
    lines = [
        f"restore to {point.shown(made.at)}",
        f"  base    {made.base.id}, {point.shown(made.base.recovery_point)}, {size(made.base.bytes)}",
        f"  oplog   {len(made.slices)} slices, {made.entries} entries, {size(made.oplog_bytes)}",
        "  missing nothing",
        *(f"  note    {note}" for note in made.notes),
    ]
    for line in lines:
        click.echo(line, err=as_json)


def _tell(done: Done, where: Into, body: dict[str, object] | None) -> None:
    if body is not None:
        print_json(body | done.body())
        return
    place = mongodb.hosts(where.uri) if where.uri else "a scratch server, which is gone again"
    click.echo(
        f"restored into {place}: {done.documents} documents in {done.data_seconds:.1f} s, {done.operations} operations "
        f"of the oplog in {done.oplog_seconds:.1f} s, indexes in {done.index_seconds:.1f} s; "
        f"{done.forgotten.erasures} erasures applied, {done.forgotten.removed} had come back and are gone"
        f"{'; it went on where it was broken off' if done.resumed else ''}"
    )
