"""Deletes old backups: only by the policy, and never one that is being read."""

from __future__ import annotations

from contextlib import suppress

from monitor import clock
from monitor.backup import chains, notes, sets
from monitor.backup.backup_store import BackupStore
from monitor.backup.listing import list_backups
from monitor.backup.manifest import begun
from monitor.backup.model import ListedBackup, Manifest
from monitor.backup.policy import Candidate, Policy, deletable, oplog_since
from monitor.backup.sealed import NoKey
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
        oplog=recovery.keep_oplog or None,
    )


def prune(home: BackupStore, policy: Policy, *, store: Store | None = None, dry_run: bool = False) -> tuple[str, ...]:
    """Delete what the policy allows, and return the ids, oldest first.

    Slices of the oplog from before what is left go too, and those that are older than the policy wants them. ``store``
    tells of verifications that the backup store does not know.

    Raises:
        Unsafe: a backup or another pruning is running.
        InputError: the store cannot be read.
        Unavailable: it does not answer.
        OSError: something could not be deleted.
    """
    with home.exclusive("backup prune"):
        slices = chains.spans(home.stored.keys(f"{chains.FOLDER}/"))
        listed = list_backups(home)
        candidates, now = _candidates(home, listed, slices, store), clock.now()
        gone = deletable(candidates, policy, now)
        if dry_run:
            return gone
        home.remove_leftovers()
        removed = tuple(backup_id for backup_id in gone if home.remove(backup_id))
        left = [candidate for candidate in candidates if candidate.id not in removed]
        _prune_slices(home, oplog_since(left, policy, now), slices)
        return removed


def _candidates(
    home: BackupStore, listed: tuple[ListedBackup, ...], slices: tuple[chains.Span, ...], store: Store | None
) -> list[Candidate]:
    verdicts, marks, tied = notes.verdicts(home, store), notes.marks(home), sets.tied(home.depot)
    condemned = {backup_id for backup_id, verdict in verdicts.items() if verdict.condemns}
    return [
        Candidate(
            id=backup.id,
            at=begun(backup.id),
            # What only lacks its key here may be good; what was found wrong no restore begins with.
            usable=backup.state in {"complete", "sealed"} and backup.id not in condemned,
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


def _prune_slices(home: BackupStore, since: str | None, slices: tuple[chains.Span, ...]) -> None:
    """Delete slices from before a backup. Where it cannot be read, all of them stay."""
    if since is None:
        return
    with suppress(NoKey):
        for key in chains.unneeded(slices, home.manifest(since).recovery_point):
            home.stored.delete(key)
