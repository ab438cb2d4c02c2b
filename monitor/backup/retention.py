"""Deletes old backups: only by the policy, and never one that is being read."""

from __future__ import annotations

from monitor import clock
from monitor.backup import chains, notes, sets
from monitor.backup.backup_store import BackupStore
from monitor.backup.listing import list_backups
from monitor.backup.manifest import begun
from monitor.backup.model import ClusterTime, ListedBackup, Manifest
from monitor.backup.policy import Candidate, Policy, deletable
from monitor.catalogue.model import Recovery
from monitor.store import Store


def policy_of(recovery: Recovery) -> Policy:
    """Return what the catalogue promises about old backups."""
    return Policy(
        last=recovery.keep_full,
        hourly=recovery.keep_hourly,
        daily=recovery.keep_daily,
        weekly=recovery.keep_weekly,
        monthly=recovery.keep_monthly,
        yearly=recovery.keep_yearly,
        locked_for=recovery.locked_for,
    )


def prune(home: BackupStore, policy: Policy, *, store: Store | None = None, dry_run: bool = False) -> tuple[str, ...]:
    """Delete what the policy allows, and return the ids, oldest first.

    Slices of the oplog from before the oldest backup that is left go too. ``store`` tells of verifications that the
    backup store does not know.

    Raises:
        Unsafe: a backup or another pruning is running.
        InputError: the store cannot be read.
        Unavailable: it does not answer.
        OSError: something could not be deleted.
    """
    with home.exclusive("backup prune"):
        slices = chains.spans(home.stored.keys(f"{chains.FOLDER}/"))
        listed = list_backups(home)
        gone = deletable(_candidates(home, listed, slices, store), policy, clock.now())
        if dry_run:
            return gone
        home.remove_leftovers()
        removed = tuple(backup_id for backup_id in gone if home.remove(backup_id))
        _prune_slices(home, [backup for backup in listed if backup.id not in removed], slices)
        return removed


def _candidates(
    home: BackupStore, listed: tuple[ListedBackup, ...], slices: tuple[chains.Span, ...], store: Store | None
) -> list[Candidate]:
    verdicts, marks, tied = notes.verdicts(home, store), notes.marks(home), sets.tied(home.depot)
    return [
        Candidate(
            id=backup.id,
            at=begun(backup.id),
            # What only lacks its key here may be good.
            usable=backup.state in {"complete", "sealed"},
            verified=backup.id in verdicts and verdicts[backup.id].outcome == "passed",
            followed=backup.state == "complete" and _followed(home.manifest(backup.id), slices),
            marked=backup.id in marks,
            tied=backup.id in tied,
        )
        for backup in listed
    ]


def _followed(manifest: Manifest, slices: tuple[chains.Span, ...]) -> bool:
    point = manifest.recovery_point
    return chains.reach(point, manifest.source.replica_set, slices) != point


def _prune_slices(home: BackupStore, left: list[ListedBackup], slices: tuple[chains.Span, ...]) -> None:
    """Delete slices that no backup that is left begins before. Where one cannot be read, all of them stay."""
    if not left or any(backup.state == "sealed" for backup in left):
        return
    points = [home.manifest(backup.id).recovery_point for backup in left if backup.state == "complete"]
    if not points:
        return
    oldest: ClusterTime = min(points, key=lambda point: (point.time, point.increment))
    for key in chains.unneeded(slices, oldest):
        home.stored.delete(key)
