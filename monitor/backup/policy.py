"""Which backups may go. Pure: history is handed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A backup as retention sees it. ``usable`` means complete; ``verified`` that its newest verification passed."""

    id: str
    at: datetime
    usable: bool = True
    verified: bool = False


def deletable(backups: Iterable[Candidate], *, keep: int) -> tuple[str, ...]:
    """Return the ids that may be deleted, oldest first.

    1. The newest ``keep`` usable backups stay (at least one, whatever ``keep`` says).
    2. The newest verified backup stays, however old: until a newer one is verified, it is the only proven one.
    3. What is unusable does not count, and goes once it is older than everything that rule 1 keeps. Where nothing is
       usable, nothing goes.
    """
    newest_first = sorted(backups, key=lambda backup: (backup.at, backup.id), reverse=True)
    usable = [backup for backup in newest_first if backup.usable]
    if not usable:
        return ()
    kept = usable[: max(1, keep)]
    proven = next((backup.id for backup in usable if backup.verified), None)
    oldest = (kept[-1].at, kept[-1].id)
    gone = [b.id for b in newest_first if (b.at, b.id) < oldest and b.id != proven]
    return tuple(reversed(gone))
