"""Is the way by which alerts come alive, and who is told when it is not? Pure: what was seen is handed in.

The way is Prometheus, Alertmanager, web. It is judged by both of two things: each of the three answers, and the
always-firing Watchdog has come all the way through lately, from an evaluation that is not old (an Alertmanager whose
Prometheus died goes on sending what it last heard, for four minutes). What stays broken is told once, then with growing
pauses, and its end is told too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor import clock
from monitor.store import Record

REPEATS = (timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2))
"""Pauses between messages about the same outage; the last one is kept. Who was not reached is tried each minute."""
RETRY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long what may last; all follow from one setting, so that a test can shrink them together.

    The Watchdog comes each 60 to 70 s: 150 s are two of them missing. With the look's own period that is told within
    three minutes.
    """

    silent: timedelta = timedelta(seconds=150)
    """The Watchdog may be away for so long."""

    @property
    def look_every(self) -> timedelta:
        """15 s."""
        return self.silent / 10

    @property
    def dead(self) -> timedelta:
        """60 s: a restart takes less. As long must all be well before the end is told."""
        return self.silent * 0.4

    @property
    def start(self) -> timedelta:
        """180 s: until all was well once, for a stack that starts is no outage."""
        return self.silent * 1.2

    @property
    def stale(self) -> timedelta:
        """240 s: Prometheus sends what fires each 60 s, which comes on top of the Watchdog's own period."""
        return self.silent * 1.6

    @property
    def asleep(self) -> timedelta:
        """60 s: whoever did not look for so long was not running, and begins anew."""
        return self.silent * 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen at one instant. ``dead`` says of each link that does not answer what is wrong with it."""

    at: datetime
    dead: Mapping[str, str]
    watchdog: Record | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What is remembered from one look to the next."""

    looked_at: datetime
    watching_since: datetime
    whole_once: bool = False
    """Everything was well at some time since ``watching_since``."""
    dead_since: Mapping[str, datetime] = field(default_factory=dict)
    broken_since: datetime | None = None
    """An outage is on, told or not, and not over before ``whole_since`` is long enough ago."""
    bad_at: datetime | None = None
    """When last anything was seen broken, or a link dead."""
    whole_since: datetime | None = None
    told: int = 0
    """How many messages about this outage reached somebody."""
    tell_at: datetime | None = None
    """When the next one is due."""
    criticals: tuple[str, ...] = ()
    """Critical alerts that were named in a message: another one is told at once."""
    reasons: tuple[str, ...] = ()
    """What was broken when last anything was, each a part of a sentence."""


def first(at: datetime) -> Path:
    """Return what is remembered before the first look."""
    return Path(looked_at=at, watching_since=at)


def look(path: Path, seen: Look, limits: Limits) -> Path:
    """Take in one look."""
    path = path if path.looked_at <= seen.at else _set_back(path, seen.at)
    slept = seen.at - path.looked_at > limits.asleep
    dead_since = {} if slept else path.dead_since
    path = replace(
        path,
        looked_at=seen.at,
        watching_since=seen.at if slept else path.watching_since,
        whole_once=path.whole_once and not slept,
        dead_since={link: dead_since.get(link, seen.at) for link in seen.dead},
    )
    faults = tuple(_faults(path, seen, limits))
    bad_at = seen.at if faults or seen.dead else path.bad_at
    whole = not seen.dead and not why_silent(seen.watchdog, seen.at, limits)
    if path.broken_since is not None and bad_at is not None:
        # Alertmanager may still repeat what it heard before: the end is proven by an evaluation of after the repair.
        whole = whole and seen.watchdog is not None and _evaluated_at(seen.watchdog) > bad_at
    path = replace(
        path,
        bad_at=bad_at,
        whole_once=path.whole_once or whole,
        whole_since=(path.whole_since or seen.at) if whole else None,
    )
    if faults and path.broken_since is None:
        path = replace(path, broken_since=seen.at, tell_at=seen.at)
    return replace(path, reasons=faults or path.reasons)


def _set_back(path: Path, at: datetime) -> Path:
    """What was remembered by a clock that has been set back: an instant that has not come must not be waited for."""
    outage = path.broken_since is not None
    return replace(
        path,
        looked_at=at,
        watching_since=at,
        whole_once=False,
        dead_since=dict.fromkeys(path.dead_since, at),
        broken_since=min(path.broken_since, at) if path.broken_since else None,
        bad_at=at if outage else None,
        whole_since=None,
        tell_at=at if outage else None,
    )


def is_over(path: Path, limits: Limits) -> bool:
    """Whether an outage was on, and all has been well for long enough."""
    whole = path.whole_since is not None and path.looked_at - path.whole_since >= limits.dead
    return path.broken_since is not None and whole


def is_due(path: Path, criticals: tuple[str, ...]) -> bool:
    """Whether somebody has to be told now, for the first time or again."""
    if path.broken_since is None or path.whole_since is not None or path.tell_at is None:
        return False
    news = path.told > 0 and not set(criticals) <= set(path.criticals)
    return news or path.looked_at >= path.tell_at


def after_telling(path: Path, criticals: tuple[str, ...], *, reached: bool) -> Path:
    """Remember that a message was sent, and when the next is due."""
    if not reached:
        return replace(path, tell_at=path.looked_at + RETRY)
    pause = REPEATS[min(path.told, len(REPEATS) - 1)]
    named = tuple(sorted({*path.criticals, *criticals}))
    return replace(path, told=path.told + 1, tell_at=path.looked_at + pause, criticals=named)


def after_the_end(path: Path) -> Path:
    """Forget an outage that is over."""
    return replace(path, broken_since=None, told=0, tell_at=None, criticals=(), reasons=())


def why_silent(watchdog: Record | None, now: datetime, limits: Limits) -> str:
    """Say why alerts may not arrive, judged by the Watchdog; empty if they do."""
    if watchdog is None:
        return "the Watchdog was never seen"
    age = now - watchdog.at
    if age < -clock.SKEW:
        return "the Watchdog was last seen at a time that has not come yet"
    if age > limits.silent:
        return f"the Watchdog was last seen {clock.humanize(age)} ago"
    evaluated = now - _evaluated_at(watchdog)
    if evaluated > limits.stale:
        return f"the newest Watchdog is of an evaluation {clock.humanize(evaluated)} ago"
    return ""


def _evaluated_at(watchdog: Record) -> datetime:
    """When Prometheus evaluated the rule that a Watchdog comes from."""
    return watchdog.at - timedelta(seconds=float(watchdog.body.get("latency_seconds") or 0))


def _faults(path: Path, seen: Look, limits: Limits) -> Iterator[str]:
    patience = limits.dead if path.whole_once else limits.start
    for link, reason in seen.dead.items():
        if seen.at - path.dead_since[link] >= patience:
            yield f"{link} {reason}"
    # What came before we began to watch is nobody's fault now; the same patience as with a link that starts.
    if (silent := why_silent(seen.watchdog, seen.at, limits)) and (
        path.whole_once or seen.at - path.watching_since >= limits.start
    ):
        yield silent
