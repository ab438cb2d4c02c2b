"""``monitor backup``: take, list, verify and prune backups."""

from __future__ import annotations

import dataclasses
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Self

import click

from monitor import backup
from monitor.backup import Progress
from monitor.backup.redis import is_snapshot_id
from monitor.backup.retention import verified_backups
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
from monitor.errors import Exit, InputError, Unavailable
from monitor.settings import Settings
from monitor.store import Store

LINE_EVERY_S = 5.0
BAR_WIDTH = 30
TERMINATED = 128 + signal.SIGTERM


@click.group()
def command() -> None:
    """Take, list and verify backups of MongoDB."""


for _module in (backup_configuration, backup_erasure, backup_redis, backup_roles, backup_set):
    command.add_command(_module.command)

# Text, not a path: a path makes one slash of two, and s3://bucket a directory named s3: with a bucket in it.
store_option = click.option(
    "--store", "directory", metavar="DIR", help="Directory of the backup store (default <run dir>/backups)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@command.command()
@store_option
@click.option("--max-mb-per-second", type=click.FloatRange(min=0, min_open=True), help="Read no faster than this.")
@json_option
@pass_settings
def run(context: Context, directory: str | None, max_mb_per_second: float | None, *, as_json: bool) -> None:
    """Take a full backup of all databases, as they are at one instant.

    Only one run at a time writes to a store: a second one ends at once with exit code 2. Exit code 1: no backup was
    made, for the reason told; 3: MongoDB cannot be reached.
    """
    settings = _with_store(context.settings, directory)
    limit = max_mb_per_second * 1e6 if max_mb_per_second else None
    with _stopped_by_sigterm(), _state(settings) as store, _Show() as show:
        record = backup.take(settings, store=store, progress=show, max_bytes_per_second=limit)
    if as_json:
        print_json(record.body())
    elif record.outcome == "passed":
        click.echo(
            f"backup {record.id} taken from {record.source} in {record.duration_seconds:.1f} s: {record.documents} "
            f"documents of {record.collections} collections, {_size(record.bytes)}; `monitor backup verify` proves it"
        )
    if record.outcome != "passed":
        click.echo(f"monitor: backup run failed: {record.reason}", err=True)
        leave(Exit.PROMISE_BROKEN)


@command.command("list")
@store_option
@json_option
@pass_settings
def list_command(context: Context, directory: str | None, *, as_json: bool) -> None:
    """List the backups of a store, newest first; damaged and incomplete ones are told as such."""
    settings = _with_store(context.settings, directory)
    with _state(settings, without="which backups were verified is not known") as store:
        verdicts = verified_backups(store)
        never = "unknown" if store is None else "never"
    rows = [listed.body() | {"verified": verdicts.get(listed.id)} for listed in backup.list_backups(settings.backups)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo(f"no backups in {settings.backups}")
        return
    form = "{:<30} {:<6} {:<21} {:>10} {:>10}  {:<11} {}"
    click.echo(form.format("ID", "TYPE", "RECOVERY POINT", "SIZE", "DOCUMENTS", "STATE", "VERIFIED"))
    for row in rows:
        told = (row["type"] or "-", row["recovery_point"] or "-", _size(row["bytes"]), row["documents"], row["state"])
        click.echo(form.format(row["id"], *told, row["verified"] or never).rstrip())
        if row["reason"]:
            click.echo(f"    {row['reason']}")


@command.command()
@click.argument("backup_id", metavar="[ID]", required=False)
@store_option
@click.option("--scratch", type=click.Path(path_type=Path), help="Where the copy is restored (default: in the store).")
@json_option
@pass_settings
def verify(
    context: Context, backup_id: str | None, directory: str | None, scratch: Path | None, *, as_json: bool
) -> None:
    """Prove that a backup (default: the newest) can be restored, by restoring it into a scratch mongod.

    Exit code 0: every file is as written and the restored copy is equal; 1: it is not, and the faults say where;
    3: the files are as written, but no mongod could be started.
    """
    settings = _with_store(context.settings, directory)
    if backup_id is not None and is_snapshot_id(backup_id):
        backup_redis.verify(settings, directory, backup_id, scratch, as_json=as_json)
    with _stopped_by_sigterm(), _state(settings) as store, _Show() as show:
        verdict = backup.verify(settings, backup_id, store=store, progress=show, scratch_dir=scratch)
    if as_json:
        print_json(verdict.body())
    elif verdict.outcome == "passed":
        click.echo(
            f"backup {verdict.backup} verified: {verdict.documents} documents restored in "
            f"{verdict.restore_seconds:.1f} s, every collection equal to what was backed up"
        )
    for fault in verdict.faults:
        click.echo(f"monitor: backup {verdict.backup} is damaged: {fault}", err=True)
    if verdict.reason:
        click.echo(f"monitor: backup {verdict.backup} could not be verified: {verdict.reason}", err=True)
    leave({"passed": Exit.GOOD, "failed": Exit.PROMISE_BROKEN, "unknown": Exit.UNKNOWN}[verdict.outcome])


@command.command()
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help="How many of the newest backups stay (default: the catalogue's keep_full).",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@store_option
@json_option
@pass_settings
def prune(context: Context, keep: int | None, directory: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Delete old backups; the newest that was verified always stays."""
    settings = _with_store(context.settings, directory)
    keep = keep or _promised(settings)
    with _state(settings, without="which backups were verified is not known") as store:
        if store is None:
            raise Unavailable("backup prune: a verified backup must stay, so nothing is deleted")
        try:
            gone = backup.prune(settings.backups, keep, store=store, dry_run=dry_run)
        except OSError as error:
            raise InputError(f"backup prune: {settings.backups} does not let go: {error.strerror}") from error
    if as_json:
        print_json({"deleted": list(gone), "dry_run": dry_run})
        return
    for backup_id in gone:
        click.echo(f"{'would delete' if dry_run else 'deleted'} {backup_id}")
    if not gone:
        click.echo("nothing to delete")


def _promised(settings: Settings) -> int:
    recovery = load(settings.catalogue, settings.environment).recovery
    if recovery is None:
        raise InputError("backup prune: the catalogue has no recovery.yaml that says how many are kept: give --keep")
    return recovery.keep_full


def _with_store(settings: Settings, directory: str | None) -> Settings:
    if directory is None:
        return settings
    if not directory:
        raise InputError("--store is empty: give a directory, or leave it out")
    if "://" in directory:
        raise InputError(
            f"--store {directory}: backups can only be kept in a directory of this machine so far; give one"
        )
    return dataclasses.replace(settings, backup_store=Path(directory).absolute())


@contextmanager
def _state(settings: Settings, *, without: str = "this will not be recorded") -> Iterator[Store | None]:
    """Open the state file, or say what it means to go on ``without``: a backup is worth more than its record."""
    store: Store | None = None
    try:
        store = Store.open(settings.state, wait_s=0)
    except Unavailable as error:
        click.echo(f"monitor: {without}: {error}", err=True)
    try:
        yield store
    finally:
        if store is not None:
            store.close()


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C, so that temporary files and scratch servers go."""

    def stop(_: int, __: Any) -> NoReturn:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Show:
    """Shows progress on stderr: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._step = ""
        self._begun = time.monotonic()
        self._last = self._begun

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar's line."""
        if self._terminal and self._step:
            click.echo("\r\033[K", err=True, nl=False)

    def __call__(self, progress: Progress) -> None:
        """Show how far it is."""
        now = time.monotonic()
        if progress.step != self._step:
            self._step, self._begun = progress.step, now
        elif not self._terminal and now - self._last < LINE_EVERY_S:
            return
        self._last = now
        share = min(1.0, progress.done / progress.total) if progress.total else 0.0
        text = progress.step
        if progress.total:
            bar = "#" * round(share * BAR_WIDTH)
            text += f" [{bar:<{BAR_WIDTH}}]" if self._terminal else ""
            total = _size(progress.total) if progress.unit == "bytes" else f"{progress.total} {progress.unit}"
            text += f" {share:.0%} of {total}"
        click.echo(f"\r\033[K{text}" if self._terminal else text, err=True, nl=not self._terminal)


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004  # SI units
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
