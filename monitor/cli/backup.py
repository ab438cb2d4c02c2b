"""``monitor backup``: take, list, verify, keep, copy, export and prune backups, and look after their keys."""

from __future__ import annotations

import getpass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from monitor import backup
from monitor.backup import notes, set_retention
from monitor.backup.compression import COMPRESSIONS
from monitor.backup.opening import open_store
from monitor.backup.policy import Policy
from monitor.backup.retention import policy_of
from monitor.catalogue.load import load
from monitor.cli import (
    Context,
    backup_configuration,
    backup_erasure,
    backup_redis,
    backup_roles,
    backup_set,
    leave,
    pass_settings,
    print_json,
)
from monitor.cli.backup_capture import capture
from monitor.cli.backup_keys import keys
from monitor.cli.backup_shared import (
    Show,
    json_option,
    keyset_option,
    locked_for,
    offsite_option,
    size,
    state,
    stopped_by_sigterm,
    store_option,
    with_store,
)
from monitor.cli.backup_verify import verify
from monitor.errors import Exit, InputError, Unavailable
from monitor.settings import Settings


@click.group()
def command() -> None:
    """Take, list and verify backups of MongoDB."""


command.add_command(keys)
for _module in (backup_configuration, backup_erasure, backup_redis, backup_roles, backup_set):
    command.add_command(_module.command)
command.add_command(capture)
command.add_command(verify)


@command.command()
@store_option
@click.option("--compression", type=click.Choice(COMPRESSIONS), help="How files are made smaller (default: zstd).")
@click.option(
    "--max-mb-per-second",
    type=click.FloatRange(min=0, min_open=True),
    help="Read no faster than this (default: 40, or as fast as is needed to be done within 150 s).",
)
@json_option
@pass_settings
def run(
    context: Context, place: str | None, compression: str | None, max_mb_per_second: float | None, *, as_json: bool
) -> None:
    """Take a full backup of all databases, as they are at one instant.

    Only one run at a time writes to a store: a second one ends at once with exit code 2. Exit code 1: no backup was
    made, for the reason told; 3: MongoDB or the storage cannot be reached.
    """
    settings = with_store(context.settings, place, compression=compression)
    limit = max_mb_per_second * 1e6 if max_mb_per_second else None
    locked = locked_for(settings)
    with stopped_by_sigterm(), state(settings) as store, Show() as show:
        record = backup.take(settings, store=store, progress=show, max_bytes_per_second=limit, locked_for=locked)
    if as_json:
        print_json(record.body())
    elif record.outcome == "passed":
        click.echo(
            f"backup {record.id} taken from {record.source} in {record.duration_seconds:.1f} s: {record.documents} "
            f"documents of {record.collections} collections, {size(record.bytes)} in {size(record.stored_bytes)}; "
            "`monitor backup verify` proves it"
        )
    if record.outcome != "passed":
        click.echo(f"monitor: backup run failed: {record.reason}", err=True)
        leave(Exit.PROMISE_BROKEN)


@command.command("list")
@store_option
@offsite_option
@json_option
@pass_settings
def list_command(context: Context, place: str | None, *, offsite: bool, as_json: bool) -> None:
    """List the backups of a store, newest first; damaged, incomplete and sealed ones are told as such."""
    settings = with_store(context.settings, place, offsite=offsite)
    home = open_store(settings)
    with state(settings, without="which backups were verified is known from the backup store alone") as store:
        rows = _rows(home, notes.verdicts(home, store))
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo(f"no backups in {home.name}")
        return
    form = "{:<30} {:<6} {:<21} {:>10} {:>10}  {:<11} {}"
    click.echo(form.format("ID", "TYPE", "RECOVERY POINT", "SIZE", "DOCUMENTS", "STATE", "VERIFIED"))
    never = "unknown" if store is None else "never"
    for row in rows:
        told = (row["type"] or "-", row["recovery_point"] or "-", size(row["size_bytes"]), row["documents"])
        kept = ", kept" if row["kept"] else ""
        click.echo(form.format(row["id"], *told, row["state"], f"{row['verified'] or never}{kept}").rstrip())
        if row["reason"]:
            click.echo(f"    {row['reason']}")


def _rows(home: backup.BackupStore, verdicts: dict[str, notes.Verdict]) -> list[dict[str, Any]]:
    marks = notes.marks(home)
    rows = []
    for listed in backup.list_backups(home):
        verdict, mark = verdicts.get(listed.id), marks.get(listed.id)
        rows.append(
            listed.body()
            | {
                "verified": verdict.outcome if verdict else None,
                "verified_at": verdict.at if verdict and verdict.outcome == "passed" else None,
                "kept": {"who": mark.who, "why": mark.why, "at": mark.at} if mark else None,
            }
        )
    return rows


@command.command()
@click.option(
    "--keep",
    "last",
    type=click.IntRange(min=1),
    help="Keep only so many of the newest, and none for days, weeks or months (default: as the catalogue promises).",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@store_option
@offsite_option
@json_option
@pass_settings
def prune(
    context: Context, last: int | None, place: str | None, *, dry_run: bool, offsite: bool, as_json: bool
) -> None:
    """Delete old backups, then sets, snapshots of Redis and configurations by the same policy.

    The newest that was verified always stays, and so does what is marked by `keep`.
    """
    settings = with_store(context.settings, place, offsite=offsite)
    policy = _policy(settings, last)
    home = open_store(settings, pruning=True)
    with state(settings, without="which backups were verified is not known") as store:
        if store is None:
            raise Unavailable("backup prune: a verified backup must stay, so nothing is deleted")
        try:
            gone = backup.prune(home, policy, store=store, dry_run=dry_run)
            verified = set_retention.verified_snapshots(store)
            gone += set_retention.prune(home, policy, verified=verified, dry_run=dry_run)
        except OSError as error:
            raise InputError(f"backup prune: {home.name} does not let go: {error.strerror}") from error
    if as_json:
        print_json({"deleted": list(gone), "dry_run": dry_run})
        return
    for backup_id in gone:
        click.echo(f"{'would delete' if dry_run else 'deleted'} {backup_id}")
    if not gone:
        click.echo("nothing to delete")


@command.command()
@click.argument("backup_id", metavar="ID")
@click.option("--remove", is_flag=True, help="It may go again, by the policy.")
@click.option("--why", default="", help="For those who find it later.")
@click.option("--who", default=getpass.getuser, help="Who wants it (default: you).")
@store_option
@offsite_option
@pass_settings
def keep(
    context: Context, backup_id: str, why: str, who: str, place: str | None, *, remove: bool, offsite: bool
) -> None:
    """Mark a backup as one that no pruning deletes."""
    home = open_store(with_store(context.settings, place, offsite=offsite))
    notes.mark(home, backup_id, kept=not remove, who=who, why=why)
    click.echo(f"backup {backup_id} {'may be pruned again' if remove else 'is kept until somebody removes the mark'}")


@command.command()
@click.argument("backup_id", metavar="ID")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A directory that is not there yet.")
@click.option("--gzip", is_flag=True, help="As mongodump --gzip writes it: every file ends with .gz.")
@store_option
@offsite_option
@keyset_option
@pass_settings
def export(
    context: Context,
    backup_id: str,
    out: Path,
    place: str | None,
    keyset: Path | None,
    *,
    gzip: bool,
    offsite: bool,
) -> None:
    """Write a backup as a mongodump directory, opened and checked, for stock mongorestore."""
    home = open_store(with_store(context.settings, place, offsite=offsite, keyset=keyset))
    with stopped_by_sigterm(), Show() as show:
        backup.export(home, backup_id, out, gzip=gzip, progress=show)
    click.echo(f"backup {backup_id} written: mongorestore {'--gzip ' if gzip else ''}--dir {out} restores it")


@command.command()
@store_option
@json_option
@pass_settings
def copy(context: Context, place: str | None, *, as_json: bool) -> None:
    """Copy finished backups and slices to the other place (offsite_store), and read each object back.

    Exit code 1: a backup was left out, because it is not as it was written.
    """
    offsite = context.settings.offsite
    target = open_store(offsite, locked_for=locked_for(offsite))
    source = open_store(with_store(context.settings, place))
    with stopped_by_sigterm(), Show() as show:
        done = backup.copy(source, target, progress=show)
    if as_json:
        print_json(
            {"backups": list(done.backups), "objects": done.objects, "bytes": done.bytes, "left_out": done.left_out}
        )
    else:
        click.echo(f"{done.objects} objects copied to {target.name}, {size(done.bytes)}, {len(done.backups)} backups")
    for backup_id, why in done.left_out.items():
        click.echo(f"monitor: backup {backup_id} was not copied: {why}", err=True)
    leave(Exit.PROMISE_BROKEN if done.left_out else Exit.GOOD)


def _policy(settings: Settings, last: int | None) -> Policy:
    recovery = load(settings.catalogue, settings.environment).recovery
    if last is not None:
        return Policy(last=last, locked_for=recovery.locked_for if recovery else timedelta(0))
    if recovery is None:
        raise InputError("backup prune: the catalogue has no recovery.yaml that says how many are kept: give --keep")
    return policy_of(recovery)
