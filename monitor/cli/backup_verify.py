"""``monitor backup verify``: prove that a backup can be restored."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from monitor import backup
from monitor.backup.model import Verification
from monitor.backup.oplog.point import parse_target
from monitor.backup.redis import is_snapshot_id
from monitor.catalogue.load import load
from monitor.cli import Context, backup_redis, leave, pass_settings, print_json
from monitor.cli.backup_shared import (
    Show,
    json_option,
    offsite_option,
    state,
    stopped_by_sigterm,
    store_option,
    with_store,
)
from monitor.errors import Exit, InputError


@click.command()
@click.argument("backup_id", metavar="[ID]", required=False)
@click.option("--at", "instant", metavar="TIME|latest", help="Replay the oplog up to this second (RFC 3339).")
@click.option("--random", "by_chance", is_flag=True, help="Leave the backup, unless named, and the second to chance.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="With ID and --random: repeat an earlier choice.")
@click.option("--exact", is_flag=True, help="As of now, compared with the live source, collection by collection.")
@store_option
@offsite_option
@click.option(
    "--keyset",
    type=click.Path(path_type=Path),
    help="Open with these keys, the escrow copy (default: escrow_keyset_file).",
)
@click.option("--scratch", type=click.Path(path_type=Path), help="Where the copy is restored (default: in the store).")
@json_option
@pass_settings
def verify(
    context: Context,
    backup_id: str | None,
    instant: str | None,
    place: str | None,
    keyset: Path | None,
    scratch: Path | None,
    seed: int | None,
    *,
    by_chance: bool,
    exact: bool,
    offsite: bool,
    as_json: bool,
) -> None:
    """Prove that a backup (default: the newest) can be restored, by restoring it into a scratch mongod.

    What is sealed is opened with the escrowed keys alone. Exit code 0: everything is as written, equal, plausible, and
    good for the application; 1: it is not, and the faults say where; 3: something could not be found out.
    """
    if sum((instant is not None, by_chance, exact)) > 1:
        raise InputError("backup verify: --at, --random and --exact each say to which instant: give one")
    if seed is not None and not by_chance:
        raise InputError("backup verify: --seed repeats a choice of --random: give both")
    settings = with_store(context.settings, place, offsite=offsite)
    if keyset is not None:
        settings = dataclasses.replace(settings, escrow_keyset_file=keyset)
    if backup_id is not None and is_snapshot_id(backup_id):
        keys = settings.escrow_keyset_file or settings.backup_keyset_file
        backup_redis.verify(dataclasses.replace(settings, backup_keyset_file=keys), backup_id, scratch, as_json=as_json)
    with stopped_by_sigterm(), state(settings) as store, Show() as show:
        verdict = backup.verify(
            settings,
            backup_id,
            at=parse_target(instant) if instant is not None else None,
            by_chance=by_chance,
            seed=seed,
            against_source=exact,
            recovery=load(settings.catalogue, settings.environment).recovery,
            store=store,
            progress=show,
            scratch_dir=scratch,
        )
    _tell(verdict, as_json=as_json)
    leave({"passed": Exit.GOOD, "failed": Exit.PROMISE_BROKEN, "unknown": Exit.UNKNOWN}[verdict.outcome])


def _tell(verdict: Verification, *, as_json: bool) -> None:
    if as_json:
        print_json(verdict.body())
    elif verdict.outcome == "passed":
        click.echo(
            f"backup {verdict.backup} verified: {verdict.documents} documents restored in "
            f"{verdict.restore_seconds:.1f} s, every collection equal to what was backed up{_more(verdict)}"
        )
    for note in verdict.notes if not as_json else ():
        click.echo(f"note: {note}", err=True)
    for fault in verdict.faults:
        click.echo(f"monitor: backup {verdict.backup} is damaged: {fault}", err=True)
    if verdict.reason:
        click.echo(f"monitor: backup {verdict.backup} could not be verified: {verdict.reason}", err=True)


def _more(verdict: Verification) -> str:
    """What was looked at beyond the backup itself."""
    parts = []
    choice, proof = verdict.told.get("choice", {}), verdict.told.get("exact")
    if choice.get("replayed_seconds"):
        parts.append(f"replayed to {choice['restored_to']}")
    if proof:
        parts.append(f"{proof['equal']} collections equal to the source at {proof['at']}")
    if proof and proof["unknown_count"]:
        parts.append(f"{proof['unknown_count']} unknown ({', '.join(sorted(proof['unknown'])[:5])})")
    if verdict.told.get("prediction"):
        parts.append(f"a restore of production would take about {verdict.told['prediction']['seconds']:.0f} s")
    return "".join(f"; {part}" for part in parts)
