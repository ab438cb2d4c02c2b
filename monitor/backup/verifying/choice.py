"""Which backup is verified, and restored to which instant: by chance, so that no part is never looked at. Pure.

The seed is recorded with the verdict, so that a choice can be made again. What was not chosen for long would hide what
only it shows; the newest backup, which a restore would begin with, is chosen once a week at least.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor import clock
from monitor.backup.model import ClusterTime

NEWEST_EVERY = timedelta(days=7)
"""How long the newest backup may go unchosen (research 4.5: the newest weekly)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restorable:
    """A backup that is there whole, as of ``base``; slices lead on from it to ``reach`` without a gap, if any do."""

    id: str
    base: ClusterTime
    reach: ClusterTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is verified. ``at`` is where it is restored to; ``None``: to the backup's own instant."""

    backup: str
    at: ClusterTime | None = None
    seed: int | None = None
    """``None``: a person chose."""
    newest: bool = False

    def body(self, base: ClusterTime, at: ClusterTime) -> dict[str, Any]:
        """The choice as the store and ``--json`` have it; ``base`` is the backup's instant, ``at`` what was reached."""
        return {
            "seed": self.seed,
            "newest": self.newest,
            "restored_to": clock.to_rfc3339(at.at),
            "point": f"{at.time}.{at.increment}",
            "replayed_seconds": at.time - base.time,
        }


def choose(
    restorable: Sequence[Restorable],
    seed: int,
    *,
    newest_chosen: Iterable[datetime],
    now: datetime,
    only: str | None = None,
) -> Choice | None:
    """Choose a backup, if not ``only`` one is wanted, and an instant; ``None`` where there is nothing to choose from.

    ``newest_chosen`` are the instants at which what was then the newest was verified. One in the future was noted while
    the clock was wrong, and must neither put the next off nor keep it due for ever. The instant follows from the seed
    and the backup alone, so that naming both repeats a choice.
    """
    by_age = sorted(restorable, key=lambda one: (one.base, one.id))
    able = [place for place, one in enumerate(by_age) if only in {None, one.id}]
    if not able:
        return None
    last = max((instant for instant in newest_chosen if instant <= now), default=None)
    due = last is None or now - last >= NEWEST_EVERY
    place = able[-1] if due else _chance(seed, "backup").choice(able)
    chosen = by_age[place]
    later = [one.base for one in by_age[place + 1 :] if one.base > chosen.base]
    # Beyond the next backup's instant a restore would begin with that one.
    end = min([chosen.reach, *later])
    at = _instant(_chance(seed, "instant"), chosen.base, end)
    return Choice(backup=chosen.id, at=at, seed=seed, newest=place == len(by_age) - 1)


def _chance(seed: int, what: str) -> random.Random:
    return random.Random(f"{seed} {what}")  # noqa: S311  # no secret: it is recorded, to be repeated


def _instant(chance: random.Random, base: ClusterTime, end: ClusterTime) -> ClusterTime:
    """Any second after ``base`` up to ``end``, each as likely; ``end`` itself where there is none between."""
    if end <= base:
        return base
    second = chance.randint(base.time + 1, end.time + 1)
    return end if second > end.time else ClusterTime(time=second, increment=0)
