"""The backups before one, in numbers: from their manifests, and their newest writes from earlier verifications."""

from __future__ import annotations

from datetime import datetime

from monitor import clock
from monitor.backup.backup_store import BackupStore
from monitor.backup.depot import Damaged
from monitor.backup.manifest import ManifestError, begun
from monitor.backup.model import Manifest
from monitor.backup.sealed import NoKey
from monitor.backup.verifying import facts
from monitor.backup.verifying.facts import Facts
from monitor.backup.verifying.plausibility import HISTORY
from monitor.store import Store


def earlier(home: BackupStore, manifest: Manifest, store: Store | None) -> list[Facts]:
    """Return the last so many backups before one that can be read.

    Raises:
        Unavailable: the storage does not answer.
    """
    newest = _newest_writes(store)
    found: list[Facts] = []
    candidates = [one for one in home.ids() if one != manifest.id and begun(one) <= begun(manifest.id)]
    for backup_id in reversed(candidates):
        try:
            one = home.manifest(backup_id)
        except (KeyError, ManifestError, Damaged, NoKey, OSError):
            continue
        if one.recovery_point <= manifest.recovery_point:
            found.append(facts.of(one, newest.get(backup_id)))
        if len(found) == HISTORY:
            break
    return found


def _newest_writes(store: Store | None) -> dict[str, datetime]:
    """The newest write of each backup that was verified, as of its own instant."""
    found: dict[str, datetime] = {}
    for record in store.records("verification") if store is not None else ():
        text = record.body.get("newest_write")
        if isinstance(text, str) and text:
            found.setdefault(str(record.body.get("backup")), clock.from_rfc3339(text))
    return found
