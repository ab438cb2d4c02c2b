"""Which backups may go: grandfather, father, son. Pure: history is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

PERIODS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "hourly": lambda at: (at.year, at.month, at.day, at.hour),
    "daily": lambda at: (at.year, at.month, at.day),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
    "yearly": lambda at: (at.year,),
}
"""In UTC, as everything that is stored; weeks are those of ISO 8601, from Monday on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How many are kept: the newest ``last``, and the newest of each of the last so many periods that have one."""

    last: int
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    locked_for: timedelta = timedelta(0)
    """No backup goes that is younger: object storage would not let it."""
    oplog: timedelta | None = None
    """How far back every second stays restorable; from the oldest backup on where it is ``None``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A backup as retention sees it.

    ``usable`` means complete and not found wrong; ``verified`` that its newest verification passed; ``followed`` that
    slices of the oplog carry it further; ``marked`` that somebody wants it kept; ``tied`` that Redis and configuration
    of its instant are there.
    """

    id: str
    at: datetime
    usable: bool = True
    verified: bool = False
    followed: bool = False
    marked: bool = False
    tied: bool = False


def deletable(backups: Iterable[Candidate], policy: Policy, now: datetime) -> tuple[str, ...]:
    """Return the ids that may be deleted, oldest first.

    1. The newest ``last`` usable backups stay (at least one, whatever the policy says).
    2. The newest usable one of each of the last so many hours, days, weeks, months and years stays, or rather the
       newest that is tied, if one is: with it the whole service comes back.
    3. The newest verified backup stays, however old: until a newer one is verified, it is the only proven one. So does
       the newest verified one that slices follow, and the newest that they follow at all: the last chain.
    4. What is marked stays, and what is still locked.
    5. What is unusable does not count, and goes once it is older than everything that rule 1 keeps. Where nothing is
       usable, nothing goes.
    """
    newest_first = sorted(backups, key=lambda backup: (backup.at, backup.id), reverse=True)
    usable = [backup for backup in newest_first if backup.usable]
    if not usable:
        return ()
    newest = usable[: max(1, policy.last)]
    kept = {backup.id for backup in newest} | _of_periods(usable, policy) | _proven(usable)
    oldest = (newest[-1].at, newest[-1].id)
    return tuple(
        backup.id
        for backup in reversed(newest_first)
        if (backup.at, backup.id) < oldest
        and backup.id not in kept
        and not backup.marked
        and backup.at + policy.locked_for <= now
    )


def oplog_since(backups: Iterable[Candidate], policy: Policy, now: datetime) -> str | None:
    """Return the id of the backup from which on slices are kept; ``None`` where all of them are.

    It is the newest that still leads to everything the policy promises; or, if that is older, the last chain of rule 3
    that is proven, until a newer one is.
    """
    usable = sorted((one for one in backups if one.usable), key=lambda backup: (backup.at, backup.id))
    if not usable:
        return None
    before = [one for one in usable if policy.oplog is not None and one.at <= now - policy.oplog]
    proven = [one for one in usable if one.verified and one.followed]
    wanted = [found[-1] for found in (before or usable[:1], proven) if found]
    return min(wanted, key=lambda backup: (backup.at, backup.id)).id


def _of_periods(usable: Sequence[Candidate], policy: Policy) -> set[str]:
    kept: set[str] = set()
    for name, period in PERIODS.items():
        newest: dict[tuple[int, ...], str] = {}
        for backup in sorted(usable, key=lambda backup: not backup.tied):
            newest.setdefault(period(backup.at), backup.id)
        kept |= {newest[one] for one in sorted(newest, reverse=True)[: max(0, getattr(policy, name))]}
    return kept


def _proven(usable: Sequence[Candidate]) -> set[str]:
    verified = [backup for backup in usable if backup.verified]
    chains = [backup for backup in usable if backup.followed]
    proven_chains = [backup for backup in verified if backup.followed]
    return {backup.id for found in (verified, chains, proven_chains) for backup in found[:1]}
