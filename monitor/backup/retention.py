"""Deletes old backups: only by the policy, and never one that is being read."""

from __future__ import annotations

from pathlib import Path

from monitor.backup.manifest import begun
from monitor.backup.policy import Candidate, deletable
from monitor.backup.storage import LocalStore, list_backups
from monitor.store import Store


def prune(directory: Path, keep: int, *, store: Store | None = None, dry_run: bool = False) -> tuple[str, ...]:
    """Delete what the policy allows, and return the ids, oldest first.

    ``store`` tells which backups were verified. Without it none is known to be, and nothing but age decides; so where
    there is one, hand it in.

    Raises:
        Unsafe: a backup or another pruning is running.
        InputError: the store cannot be read.
        OSError: something could not be deleted.
    """
    home = LocalStore(directory)
    with home.exclusive("backup prune"):
        verified = verified_backups(store)
        candidates = [
            Candidate(
                id=backup.id,
                at=begun(backup.id),
                usable=backup.state == "complete",
                verified=verified.get(backup.id, "") == "passed",
            )
            for backup in list_backups(directory)
        ]
        gone = deletable(candidates, keep=keep)
        return gone if dry_run else tuple(backup_id for backup_id in gone if home.remove(backup_id))


def verified_backups(store: Store | None) -> dict[str, str]:
    """Return the newest verdict on each backup: ``passed`` or ``failed``; one that ended ``unknown`` says nothing."""
    verdicts: dict[str, str] = {}
    for record in store.records("verification") if store is not None else ():
        if record.body.get("outcome") in {"passed", "failed"}:
            verdicts.setdefault(str(record.body.get("backup")), str(record.body["outcome"]))
    return verdicts
