"""What became of each episode of an alert: received and answered, silenced, or kept back by others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from monitor.catalogue.model import Severity
from monitor.store_actions import Action
from monitor.store_alerts import AlertRecord
from monitor.store_suppressed import Suppressed

ACTED = frozenset({"acknowledged", "noted", "silenced"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """One episode. ``received`` is ``None`` where Alertmanager kept it from us from its first second."""

    alert: str
    severity: str
    starts_at: datetime
    received: AlertRecord | None = None
    done: tuple[Action, ...] = ()
    """What people did in the console: acknowledged, noted, silenced."""
    silenced: bool = False
    """Somebody silenced it: in the console, or in Alertmanager by whatever means."""

    @property
    def ended(self) -> bool:
        """Whether it was received and is over."""
        return self.received is not None and self.received.ends_at is not None

    @property
    def acted_on(self) -> bool:
        """Whether somebody who was told did anything about it."""
        return self.received is not None and (bool(self.done) or self.silenced)

    @property
    def taken_after(self) -> timedelta | None:
        """How long it took until somebody did something about it in the console, while it fired.

        A note of the day after is no answer to a page; and nobody answers before it began, whatever the clocks say.
        """
        over = self.received.ends_at if self.received else None
        answers = [one.at for one in self.done if over is None or one.at <= over]
        return max(min(answers) - self.starts_at, timedelta(0)) if answers else None

    def fired_after(self, start: datetime) -> bool:
        """Whether it began after an instant, or still fired then."""
        ended_at = self.received.ends_at if self.received else self.starts_at
        return ended_at is None or max(self.starts_at, ended_at) >= start


def fates(
    episodes: Iterable[AlertRecord], actions: Iterable[Action], suppressed: Iterable[Suppressed]
) -> tuple[Fate, ...]:
    """Bring together what was received, done and seen suppressed; rehearsals and what nobody hears of are left out."""
    answers: dict[tuple[str, datetime], list[Action]] = {}
    for action in actions:
        if action.kind in ACTED:
            answers.setdefault((action.fingerprint, action.starts_at), []).append(action)
    kept_back = {(one.fingerprint, one.starts_at): one for one in suppressed if _counts(one)}
    found = []
    for episode in filter(_counts, episodes):
        key = (episode.fingerprint, episode.starts_at)
        done, seen = tuple(answers.get(key, ())), kept_back.pop(key, None)
        silenced = any(one.kind == "silenced" for one in done) or (seen is not None and seen.silenced)
        found.append(_fate(episode, received=episode, done=done, silenced=silenced))
    return (*found, *(_fate(one, silenced=one.silenced) for one in kept_back.values()))


def precision(found: Sequence[Fate]) -> float | None:
    """Which share of the received episodes somebody acted on; ``None`` where there is none to judge.

    What still fires and nobody has answered yet may be answered in a minute.
    """
    judged = [one for one in found if one.acted_on or one.ended]
    return sum(one.acted_on for one in judged) / len(judged) if judged else None


def silenced_share(found: Sequence[Fate]) -> float | None:
    """Which share of the episodes that people would have heard of was silenced, also those that never arrived."""
    heard = [one for one in found if one.received is not None or one.silenced]
    return sum(one.silenced for one in heard) / len(heard) if heard else None


def percentile(spans: Iterable[timedelta], share: float) -> timedelta | None:
    """The smallest span that this share (0-1) of them does not exceed; ``None`` where there is none."""
    ranked = sorted(spans)
    return ranked[max(0, ceil(share * len(ranked)) - 1)] if ranked else None


def taken_after(found: Iterable[Fate]) -> tuple[timedelta, ...]:
    """How long it took to answer those that were answered."""
    return tuple(span for one in found if (span := one.taken_after) is not None)


def _fate(
    of: AlertRecord | Suppressed,
    *,
    silenced: bool,
    received: AlertRecord | None = None,
    done: tuple[Action, ...] = (),
) -> Fate:
    return Fate(
        alert=of.labels.get("alertname", ""),
        severity=of.labels.get("severity", ""),
        starts_at=of.starts_at,
        received=received,
        done=done,
        silenced=silenced,
    )


def _counts(one: AlertRecord | Suppressed) -> bool:
    return one.labels.get("severity") != Severity.NONE and one.labels.get("drill") != "true"
