"""What the burn alerts would have done on events that were counted: the rules' own arithmetic, over running sums. Pure.

Every figure is that of ``monitor.slo.rules``: windows up to an hour move with each cell, longer ones with each roll-up,
and those of days with each fifth; burn over the long window is weighed by coverage; ``for`` and ``keep_firing_for`` are
Prometheus's. A cell is one
evaluation of the rules, or a minute where a month is looked at (``monitor.compliance.replay`` chooses).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import accumulate

from monitor.catalogue.model import Severity
from monitor.slo import windows
from monitor.slo.windows import BurnPair


@dataclass(frozen=True, kw_only=True)
class Events:
    """Bad and all events by cell, as the grid records them; ``first`` is the instant at which the first cell ends.

    ``known`` is false where the grid would have no sample; ``missed`` says where nothing was known although Prometheus
    was there to notice. ``rollup`` is how many cells a roll-up adds up, and ``lag`` how many cells ago what it adds up
    ended: one evaluation, where a cell is one.
    """

    first: datetime
    cell: timedelta
    bad: Sequence[float]
    total: Sequence[float]
    known: Sequence[bool]
    missed: Sequence[bool] = ()
    rollup: int = 1
    lag: int = 0

    def at(self, number: int) -> datetime:
        """When a cell ends: the instant of its evaluation."""
        return self.first + number * self.cell

    @cached_property
    def _sums(self) -> tuple[list[float], list[float], list[int]]:
        return (
            list(accumulate(self.bad, initial=0.0)),
            list(accumulate(self.total, initial=0.0)),
            list(accumulate(map(int, self.known), initial=0)),
        )

    def _every(self, span: timedelta) -> int:
        """How many cells lie between two evaluations of a window (``monitor.slo.rules``)."""
        if span <= windows.SHORT_WINDOWS[-1]:
            return 1
        return self.rollup * (1 if span <= windows.MIDDLE_WINDOWS[-1] else windows.SECOND_ROLLUP)

    def behind(self, span: timedelta) -> int:
        """How many cells ago the newest ended that a window adds up when it is evaluated."""
        if span <= windows.SHORT_WINDOWS[-1]:
            return 0
        return self.lag + (0 if span <= windows.MIDDLE_WINDOWS[-1] else self.rollup)

    def window(self, span: timedelta) -> Iterator[tuple[float, float, float]]:
        """By cell: bad events (never below 0), all events, and coverage (0-1) of the window that ends there.

        Nothing is told apart within a cell: a window that is shorter is one.
        """
        bad, total, known = self._sums
        every, behind = self._every(span), self.behind(span)
        width = max(round(span / self.cell), 1)
        offset = round(self.first.timestamp() / self.cell.total_seconds())
        for number in range(len(self.bad)):
            # Roll-ups are made at whole multiples of their interval; between two of them the last one stands.
            after = max(number - (offset + number) % every - behind, -1) + 1
            begin = max(after - width, 0)
            covered = min((known[after] - known[begin]) / width, 1.0)
            yield max(bad[after] - bad[begin], 0.0), total[after] - total[begin], covered


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as it is rendered: its name, its severity, its ``for`` and its ``keep_firing_for``."""

    name: str
    severity: Severity
    hold: timedelta
    keep: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnAlert(Alert):
    """A burn alert, with its pair of windows. ``least`` bad events are in the long one, or it does not fire."""

    pair: BurnPair
    least: int = windows.MINIMUM_BAD_EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One alert from firing to resolved. ``end`` is ``None`` while it still fires where the replay ends.

    ``heard`` is when somebody is told: at once, or when no faster alert mutes it any more; ``None`` if that never was.
    """

    alert: str
    severity: Severity
    start: datetime
    end: datetime | None
    heard: datetime | None


def with_darkness(
    bad: Sequence[float | None],
    total: Sequence[float | None],
    failing: Sequence[bool],
    *,
    memory: int,
    least: float,
) -> tuple[list[float], list[float], list[bool]]:
    """Bad, total and known by cell, once the outside probe has had its word (``monitor.slo.promql.events_total``).

    ``None`` is a cell of which the counters know nothing. A cell in which the probe fails and nothing was counted
    weighs what the mean of the ``memory`` cells before it did, ``least`` at least, and all of it is bad.
    """
    every_bad, every_total, known = [], [], []
    added, seen = [0.0], [0]
    for number, (one_bad, one_total, dark) in enumerate(zip(bad, total, failing, strict=True)):
        if dark and not (one_total is not None and one_total > 0):
            begin = max(number - memory, 0)
            count = seen[number] - seen[begin]
            usual = (added[number] - added[begin]) / count if count else least
            one_total = one_bad = max(usual, least)  # noqa: PLW2901  # what the cell weighs from here on
        known.append(one_total is not None)
        every_total.append(one_total or 0.0)
        every_bad.append((one_bad or 0.0) if one_total is not None else 0.0)
        added.append(added[-1] + every_total[-1])
        seen.append(seen[-1] + known[-1])
    return every_bad, every_total, known


def by_slices(
    bad: Sequence[float | None],
    total: Sequence[float | None],
    failing: Sequence[bool],
    *,
    size: int,
    target: float | None,
    minutes: float,
) -> tuple[list[float], list[float], list[bool]]:
    """Bad, total and known by cell where time is judged and not events (``monitor.slo.promql.minutes_bad``).

    Each cell is ``minutes`` long and judged by the ``size`` cells that end with it: good or bad as a whole where there
    is a ``target``, else by its share of bad events; wholly bad in darkness, and not bad where nothing came.
    """
    sums = [list(accumulate((one or 0.0 for one in each), initial=0.0)) for each in (bad, total)]
    known = [one is not None or dark for one, dark in zip(total, failing, strict=True)]
    every_bad = []
    for number, (seen, dark) in enumerate(zip(total, failing, strict=True)):
        begin = max(number + 1 - size, 0)
        part, whole = (one[number + 1] - one[begin] for one in sums)
        share = min(max(part / whole, 0.0), 1.0) if whole > 0 else 0.0
        judged = share if target is None else float(share > 1 - target)
        every_bad.append(minutes * (1.0 if dark and not (seen or 0.0) > 0 else judged if known[number] else 0.0))
    return every_bad, [minutes if one else 0.0 for one in known], known


def replay(events: Events, target: float, alerts: Sequence[BurnAlert], *, since: datetime) -> tuple[Episode, ...]:
    """Every episode of every burn alert that fires at or after ``since``, oldest first.

    ``alerts`` stand as in the rules, the fastest first: an alert mutes those after it (``rules/alertmanager.yml``).
    """
    shortest = _burn(events, windows.SHORT_WINDOWS[0], target)
    firing = ((alert, list(held(_condition(events, alert, target, shortest), alert, events.cell))) for alert in alerts)
    return episodes(firing, events.at, since)


def episodes(
    firing: Iterable[tuple[Alert, Sequence[bool]]], at: Callable[[int], datetime], since: datetime
) -> tuple[Episode, ...]:
    """Every time that an alert fires, oldest first; each alert mutes those after it.

    ``at`` says when a cell ends. What was over before ``since`` is left out.
    """
    faster: list[bool] = []
    found = []
    for alert, fires in firing:
        faster = faster or [False] * len(fires)
        for first, after in runs(fires):
            heard = next((number for number in range(first, after) if not faster[number]), None)
            if at(after) > since:
                found.append(
                    Episode(
                        alert=alert.name,
                        severity=alert.severity,
                        start=at(first),
                        end=at(after) if after < len(fires) else None,
                        heard=None if heard is None else at(heard),
                    )
                )
        faster = [one or other for one, other in zip(faster, fires, strict=True)]
    return tuple(sorted(found, key=lambda episode: (episode.start, episode.alert)))


def _burn(events: Events, span: timedelta, target: float) -> list[float | None]:
    """Burn rate by cell; ``None`` where the window has no event."""
    return [bad / total / (1 - target) if total > 0 else None for bad, total, _ in events.window(span)]


def _condition(events: Events, alert: BurnAlert, target: float, shortest: Sequence[float | None]) -> Iterator[bool]:
    """By cell: whether the alert's expression has a sample (``monitor.slo.burning.burn_expression``)."""
    pair = alert.pair
    factor, budget = float(pair.factor), 1 - target
    short = _burn(events, pair.short, target)
    over = float(windows.NO_LONGER)
    for (bad, total, covered), near, now in zip(events.window(pair.long), short, shortest, strict=True):
        burns = total > 0 and bad / total / budget * covered > factor and bad >= alert.least
        still = near is not None and near > factor
        ended = pair.ends_with_the_outage and now is not None and now <= over
        yield burns and still and not ended


def held(flags: Iterable[bool], alert: Alert, cell: timedelta) -> Iterator[bool]:
    """By cell: whether the alert fires, as Prometheus holds it for ``for`` and keeps it for ``keep_firing_for``."""
    hold, keep = alert.hold / cell, alert.keep / cell
    active = quiet = None
    firing = False
    for number, flag in enumerate(flags):
        if flag:
            active, quiet = number if active is None else active, None
            firing = firing or number - active >= hold
        elif firing and keep:
            quiet = number if quiet is None else quiet
            firing = number - quiet < keep
            active = active if firing else None
        else:
            active, firing = None, False
        yield firing


def runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """(First cell, cell after the last) of each run of true flags."""
    begun = None
    for number, flag in enumerate([*flags, False]):
        if flag and begun is None:
            begun = number
        elif not flag and begun is not None:
            yield begun, number
            begun = None
