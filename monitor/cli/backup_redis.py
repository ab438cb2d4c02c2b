"""``monitor backup redis``: take a snapshot of Redis, list them, prove one by loading it."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from monitor.backup import redis as snapshots
from monitor.backup.depot import Depot, make_directories
from monitor.backup.opening import open_store
from monitor.backup.redis.recorded import address, remember
from monitor.cli import Context, leave, pass_settings, print_json
from monitor.cli.backup_shared import json_option, state, store_option, with_store
from monitor.errors import Exit, InputError
from monitor.settings import Settings
from monitor.sources.redis import MOST_BYTES


@click.command("redis")
@click.option("--list", "listing", is_flag=True, help="Only list the snapshots that are there.")
@click.option("--extract", "snapshot_id", metavar="ID", help="Write the RDB file of one (`newest` names the newest).")
@click.option("--out", type=click.Path(path_type=Path), help="Where to: a file that is not there yet.")
@click.option("--max-bytes", type=click.IntRange(min=1), default=MOST_BYTES, help="Refuse a larger snapshot.")
@store_option
@json_option
@pass_settings
def command(
    context: Context,
    *,
    listing: bool,
    snapshot_id: str | None,
    out: Path | None,
    max_bytes: int,
    place: str | None,
    as_json: bool,
) -> None:
    """Take a snapshot of Redis, as a replica asks for one: `monitor backup verify ID` proves it.

    The user needs +sync +psync +replconf, and +info where counts are to be compared. Exit code 2: user or password
    are refused; 3: Redis cannot be reached, or what it sent is no snapshot.
    """
    settings = with_store(context.settings, place)
    depot = open_store(settings).depot
    if snapshot_id is not None or out is not None:
        _extract(depot, snapshot_id, out)
        return
    if listing:
        ids = snapshots.snapshots(depot)
        if as_json:
            print_json([{"id": one} for one in ids])
        else:
            click.echo("\n".join(ids) or f"no snapshots of Redis in {depot.name}")
        return
    with state(settings) as store:
        snapshot = snapshots.take(depot, address(settings), most=max_bytes)
        remember(store, snapshot)
    if as_json:
        print_json(snapshot.body())
        return
    keys = sum(one.keys for one in snapshot.after.values())
    told = f", {keys} keys" if snapshot.after else ""
    click.echo(f"snapshot {snapshot.id} of Redis at {snapshot.source} taken: {snapshot.bytes} bytes{told}")


def _extract(depot: Depot, snapshot_id: str | None, out: Path | None) -> None:
    if snapshot_id is None or out is None:
        raise InputError("--extract and --out go together: which one, and where to")
    chosen = snapshots.newest(depot) if snapshot_id == "newest" else snapshot_id
    found = snapshots.extract(depot, chosen, out)
    click.echo(f"{out} is the snapshot {found.id}: {found.bytes} bytes, as they were written")


def verify(settings: Settings, snapshot_id: str, scratch: Path | None, *, as_json: bool) -> NoReturn:
    """Verify a snapshot, tell what was found, and leave with the exit code of ``monitor backup verify``."""
    depot = open_store(settings).depot
    room = scratch or settings.backups
    make_directories(room)
    with state(settings) as store:
        verdict = snapshots.verify(depot, snapshot_id, redis_server=settings.redis_server, scratch_dir=room)
        remember(store, verdict)
    if as_json:
        print_json(verdict.body())
    elif verdict.outcome == "passed" and verdict.contents is not None:
        keys = sum(one.keys for one in verdict.contents.databases.values())
        click.echo(
            f"snapshot {verdict.backup} verified: {keys} keys loaded in {verdict.restore_seconds:.1f} s, "
            f"compared: {verdict.compared}"
        )
    for fault in verdict.faults:
        click.echo(f"monitor: snapshot {verdict.backup} is damaged: {fault}", err=True)
    if verdict.reason:
        click.echo(f"monitor: snapshot {verdict.backup} could not be verified: {verdict.reason}", err=True)
    leave({"passed": Exit.GOOD, "failed": Exit.PROMISE_BROKEN, "unknown": Exit.UNKNOWN}[verdict.outcome])
