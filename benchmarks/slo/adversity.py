"""Days that are hard to count, one trouble at a time and all together, from a seed; with the truth about each.

Events are drawn interval by interval and target by target as they are written, so the truth is counted and not
estimated. Targets are scraped at instants of their own, restarts fall between two scrapes and take with them what
nobody has read, and what is scraped no longer is simply not there.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TextIO

DAY, HOUR, MINUTE = 86_400, 3_600, 60
TARGETS = 4
DAYS = 4
STEP = 30
"""Seconds between two scrapes of a target, and between two evaluations."""

REMEMBERED = 5 * MINUTE
"""Events between two scrapes that are further apart belong to a gap: the rules do not look further back."""

BACKGROUND = 0.0005
"""The share of the requests that always fail: half of what is allowed."""

DAY_AND_NIGHT = "100:1 day and night"
NIGHT_OUTAGE = "a night hour fails"
IDLE = "idle hours"
RESTARTS = "restarts"
GAPS = "scrape gaps"
ONE_UNSCRAPED = "one target unscraped"
NEW_LABELS = "rolling label change"
RELABELLED = "relabelled, counters go on"
NEW_SERIES = "new series, created at 0"
UNCREATED = "new series, not created"
AWAY = "Prometheus away for an hour"
TROUBLES = (
    DAY_AND_NIGHT,
    NIGHT_OUTAGE,
    IDLE,
    RESTARTS,
    GAPS,
    ONE_UNSCRAPED,
    NEW_LABELS,
    RELABELLED,
    NEW_SERIES,
    UNCREATED,
    AWAY,
)
EVERYTHING = "everything at once"


@dataclass(frozen=True, kw_only=True)
class Span:
    """From a second to a second."""

    begin: int
    end: int

    def __contains__(self, second: float) -> bool:
        return self.begin <= second < self.end


@dataclass(kw_only=True)
class Truth:
    """What happened: between scrapes that are near each other, in gaps, and what died unread with its process.

    What a process has counted and nobody has read when it restarts is in no counter. Outside of gaps that is a scrape's
    worth, and nothing is held against it; in a gap it is part of what nobody knows.
    """

    seen: Counter[str] = field(default_factory=Counter)
    gap: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    lost_in_gap: Counter[str] = field(default_factory=Counter)

    @property
    def bad_share(self) -> float:
        """The share of bad events where scrapes are near each other."""
        return _bad_share(self.seen)

    @property
    def readable_bad_share(self) -> float:
        """The share of bad events of all that the counters tell, across gaps as well."""
        return _bad_share(self.seen + self.gap - self.lost_in_gap)

    @property
    def good_share(self) -> float:
        """The share of good events of all time, gaps included."""
        return 1 - _bad_share(self.seen + self.gap)


def _bad_share(events: Counter[str]) -> float:
    return events["bad"] / (events["bad"] + events["good"])


@dataclass(frozen=True, kw_only=True)
class Story:
    """One data set. ``job`` is the label by which its series are known."""

    name: str
    troubles: frozenset[str]
    seed: int
    number: int
    start: int

    @property
    def job(self) -> str:
        """The label ``job`` of every series."""
        return f"story-{self.number}"


def stories(start: int, seeds: int) -> Iterator[Story]:
    """Each trouble by itself, then all of them, each with every seed."""
    number = 0
    for seed in range(seeds):
        for name in (*TROUBLES, EVERYTHING):
            troubles = frozenset(TROUBLES) if name == EVERYTHING else frozenset({name})
            yield Story(name=name, troubles=troubles, seed=seed, number=number, start=start)
            number += 1


@dataclass(kw_only=True)
class Plan:
    """When what happens, in seconds since the start."""

    incidents: dict[Span, float]
    restarts: dict[int, list[int]] = field(default_factory=dict)
    relabelled: dict[int, int] = field(default_factory=dict)
    unscraped: dict[int, list[Span]] = field(default_factory=dict)
    away: list[Span] = field(default_factory=list)
    late_target: int = 0
    """When the last target joins."""


def course(story: Story) -> Plan:
    """Draw when what happens to a story."""
    draw, troubles = random.Random(f"{story.name} {story.seed}"), story.troubles
    begin = draw.randrange(HOUR, DAYS * DAY - 3 * HOUR)
    slow = Span(begin=begin, end=begin + draw.randrange(10 * MINUTE, HOUR))
    made = Plan(incidents={slow: draw.choice((0.01, 0.05, 0.3))})
    middle = (slow.begin + slow.end) // 2
    if NIGHT_OUTAGE in troubles:
        night = draw.randrange(1, DAYS) * DAY + 2 * HOUR
        made.incidents[Span(begin=night, end=night + HOUR)] = 1.0
    if RESTARTS in troubles:
        some = (draw.randrange(HOUR, DAYS * DAY - HOUR) for _ in range(TARGETS * 4))
        made.restarts = {one: sorted([middle + one * 40, *islice(some, 4)]) for one in range(TARGETS)}
    if NEW_SERIES in troubles:
        made.late_target = draw.randrange(HOUR, DAYS * DAY - HOUR)
    _leave_unscraped(made, troubles, draw, middle)
    _label_anew(made, troubles, draw)
    return made


def _leave_unscraped(made: Plan, troubles: frozenset[str], draw: random.Random, middle: int) -> None:
    """Gaps of one target, one of them in the middle of the incident; of all together; and of Prometheus itself."""
    if GAPS in troubles:
        for one in range(TARGETS):
            made.unscraped[one] = [_span(draw, MINUTE, 4 * MINUTE) for _ in range(3)]
            made.unscraped[one].append(Span(begin=middle + one * 45, end=middle + one * 45 + 2 * MINUTE))
        for length in (3 * MINUTE, 12 * MINUTE):
            together = _span(draw, length, length + 1)
            for one in range(TARGETS):
                made.unscraped[one].append(together)
    if ONE_UNSCRAPED in troubles:
        made.unscraped.setdefault(1, []).append(_span(draw, 20 * MINUTE, 40 * MINUTE))
    if AWAY in troubles:
        begin = draw.randrange(DAYS) * DAY + 10 * HOUR
        away = Span(begin=begin, end=begin + HOUR)
        made.away = [away]
        made.incidents[away] = 1.0  # the worst that nobody could see


def _label_anew(made: Plan, troubles: frozenset[str], draw: random.Random) -> None:
    """A rolling deployment, target after target, which restarts each; or labels alone, of all at once."""
    at = draw.randrange(HOUR, DAYS * DAY - HOUR)
    if NEW_LABELS in troubles:
        made.relabelled = {one: at + one * 3 * MINUTE for one in range(TARGETS)}
        for one, restart in made.relabelled.items():
            made.restarts.setdefault(one, []).append(restart)
    elif RELABELLED in troubles:
        made.relabelled = dict.fromkeys(range(TARGETS), at)


def _span(draw: random.Random, least: int, most: int) -> Span:
    begin = draw.randrange(HOUR, DAYS * DAY - 2 * HOUR)
    return Span(begin=begin, end=begin + draw.randrange(least, most))


@dataclass(kw_only=True)
class Target:
    """One process: its counters by code, and since when nobody has read them."""

    number: int
    labels: str = 'version="1"'
    counters: Counter[str] = field(default_factory=Counter)
    seen_at: float | None = None
    pending: Counter[str] = field(default_factory=Counter)
    died: Counter[str] = field(default_factory=Counter)
    """Of what is pending, what was in no counter any more when it was read."""

    codes: tuple[str, ...] = ("200", "500", "503")
    """Of which counters are there from the start, at zero."""

    def restart(self) -> None:
        """Begin to count from zero, as a process does."""
        self.counters = Counter(dict.fromkeys(self.codes, 0))


def write(story: Story, out: Callable[[str], TextIO], truth: Truth) -> None:
    """Write every sample (``out`` gives the file of a metric), and add up the truth."""
    draw, drawn = random.Random(f"{story.name} {story.seed} events"), course(story)
    counted, watched = out("shop_total"), out("up")
    for number in range(TARGETS):
        target = Target(number=number, codes=("200", "500") if UNCREATED in story.troubles else Target.codes)
        target.restart()
        phase = draw.randrange(STEP * 1000) / 1000
        joined = drawn.late_target if number == TARGETS - 1 else 0
        for before in range(0, DAYS * DAY + 2 * STEP, STEP):  # life goes on after the end
            if before < joined:
                continue
            at = before + STEP + phase
            told = truth if at <= DAYS * DAY else Truth()
            _live(story, drawn, target, before, draw)
            if any(at in span for span in drawn.away):
                continue
            scraped = not any(at in span for span in drawn.unscraped.get(number, ()))
            if GAPS in story.troubles and draw.random() < 0.01:  # one scrape in a hundred fails
                scraped = False
            moment = f"{story.start + at:.3f}"
            watched.write(f'up{{job="{story.job}",instance="t{number}"}} {int(scraped)} {moment}\n')
            if scraped:
                _scrape(story, target, at, moment, counted, told)


def _live(story: Story, drawn: Plan, target: Target, before: int, draw: random.Random) -> None:
    """What happens to a target in one step; a restart lies somewhere in it."""
    events = int(_rate(story, before) * STEP * (0.8 + 0.4 * draw.random()) + draw.random())
    share = max((share for span, share in drawn.incidents.items() if before in span), default=BACKGROUND)
    bad = events if share >= 1 else int(events * share + draw.random())
    restart = next((at for at in drawn.restarts.get(target.number, ()) if before <= at < before + STEP), None)
    if (changed := drawn.relabelled.get(target.number)) is not None and before <= changed < before + STEP:
        target.labels = 'version="2"'
    early = (restart - before) / STEP if restart is not None else 0.0
    lost_bad, lost = int(bad * early), int(events * early)
    if restart is not None:
        target.died = target.pending + Counter(bad=lost_bad, good=lost - lost_bad)
        target.restart()
    code = "503" if before % HOUR < HOUR // 2 else "500"
    if bad - lost_bad:
        target.counters[code] += bad - lost_bad
    target.counters["200"] += events - bad - (lost - lost_bad)
    target.pending += Counter(bad=bad, good=events - bad)


def _rate(story: Story, second: int) -> float:
    """Requests per second and target."""
    hour = second % DAY // HOUR
    if IDLE in story.troubles and hour < 5:  # until five in the morning
        return 0.0
    if {DAY_AND_NIGHT, NIGHT_OUTAGE} & story.troubles:
        return 8.0 if 7 <= hour < 22 else 0.08  # the hours in which patients are awake
    return 4.0


def _scrape(story: Story, target: Target, at: float, moment: str, counted: TextIO, truth: Truth) -> None:
    counted.writelines(
        f'shop_total{{job="{story.job}",instance="t{target.number}",code="{code}",{target.labels}}} {value} {moment}\n'
        for code, value in target.counters.items()
    )
    far = target.seen_at is None or at - target.seen_at > REMEMBERED
    if target.seen_at is None:  # where counting begins
        target.pending, target.died = Counter(), Counter()
    if far:
        truth.gap += target.pending
        truth.lost_in_gap += target.died
    else:
        truth.seen += target.pending - target.died
        truth.lost += target.died
    target.seen_at, target.pending, target.died = at, Counter(), Counter()
