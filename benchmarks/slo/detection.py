"""How much later our page comes and goes than the same policy asked of raw metrics; over incidents from a seed.

Rules are recorded and alerts evaluated by a real Prometheus at each evaluation; ``for``, ``keep_firing_for`` and what
Alertmanager makes of several alerts of one SLO are taken from what is generated. The policy on raw metrics is the
workbook's: the same windows and factors, asked of ``rate()``, without ``for``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.slo import shapes
from benchmarks.slo.adversity import HOUR, MINUTE
from benchmarks.slo.bars import Bar
from benchmarks.slo.recording import Past, record
from benchmarks.slo.server import Server
from monitor.catalogue import durations
from monitor.catalogue.model import Environment, RatioSli, Severity, Slo
from monitor.compliance.replay import burn_alerts
from monitor.slo import burning, promql
from monitor.slo.replay import BurnAlert, held
from monitor.slo.windows import BurnPair

LATEST_PAGE, LATEST_RESET = 60, 120
"""Seconds after the policy on raw metrics (issue 4)."""

BRIEF = 2 * MINUTE
LEAST_PAGED = 0.9
"""The share of full outages of two minutes that must page."""

LEAD, LONGEST, CALM = 7 * HOUR, 2 * HOUR, 3 * HOUR
"""What goes before an incident, so that six hours are full; how long one is at most; and what comes after it."""

TARGETS = 2
WINDOW_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Incident:
    """``share`` of the requests fail from ``begin`` (seconds since the first sample) for ``length`` seconds."""

    number: int
    start: int
    begin: int
    length: int
    share: float
    rate: float
    """Requests a second by day; by night a fiftieth."""

    @property
    def job(self) -> str:
        """The label ``job`` of its series."""
        return f"incident-{self.number}"

    @property
    def end(self) -> int:
        """Until when samples are there."""
        return self.start + LEAD + LONGEST + CALM

    def traffic(self, second: int) -> float:
        """Requests a second."""
        hour = (self.start + second) % 86_400 // HOUR
        return self.rate * (1.0 if 7 <= hour < 22 else 0.02)  # the hours in which patients are awake


def incidents(midnight: int, many: int, *, brief: bool) -> Iterator[Incident]:
    """Draw incidents: of any length and depth that the policy pages for, or total ones of two minutes."""
    draw = random.Random(f"incidents {brief}")
    for number in range(many):
        yield Incident(
            number=number + (1000 if brief else 0),
            start=midnight + draw.randrange(24) * HOUR,
            begin=LEAD + draw.randrange(MINUTE),
            length=BRIEF if brief else draw.randrange(3 * MINUTE, LONGEST),
            share=1.0 if brief else draw.choice((0.008, 0.02, 0.05, 0.2, 0.5, 1.0)),
            rate=10 ** draw.uniform(1, 2.3),
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """When somebody was paged for an incident, by raw metrics and by us; seconds since its beginning."""

    incident: Incident
    raw: tuple[tuple[int, int], ...]
    ours: tuple[tuple[int, int], ...]
    pages: int

    @property
    def later(self) -> int | None:
        """How much later our page is; ``None`` where one of both does not page."""
        return self.ours[0][0] - self.raw[0][0] if self.raw and self.ours else None

    @property
    def reset_later(self) -> int | None:
        """How much later ours is over."""
        return self.ours[-1][1] - self.raw[-1][1] if self.raw and self.ours else None


def measure(place: Path, environment: Environment, midnight: int, many: int, *, brief: bool) -> list[Outcome]:
    """Write the incidents, record our rules over them, and see who pages when."""
    step = int(environment.evaluation_interval.total_seconds())
    drawn = list(incidents(midnight, many, brief=brief))
    with Server(place) as server:
        server.take(sample for incident in drawn for sample in samples(incident, step))
        record(server, [_past(incident, environment) for incident in drawn])
        return [_outcome(server, incident, environment, step) for incident in drawn]


def promise(incident: Incident) -> Slo:
    """The SLO that an incident hurts."""
    total = f'shop_total{{job="{incident.job}"}}'
    bad = f'shop_total{{code="500",job="{incident.job}"}}'
    return shapes.slo(WINDOW_DAYS, incident.job, bad=bad, total=total)


def samples(incident: Incident, step: int) -> Iterator[tuple[str, str, str, float]]:
    """Every scrape of every target, each at an instant of its own."""
    draw = random.Random(f"{incident.number} events")
    for number in range(TARGETS):
        phase, good, bad = draw.randrange(step * 1000) / 1000, 0, 0
        labels = f'job="{incident.job}",instance="t{number}"'
        points: list[tuple[int, int, float]] = []
        for second in range(0, LEAD + LONGEST + CALM, step):
            points.append((good, bad, incident.start + second + phase))
            for moment in range(second, second + step):
                events = int(incident.traffic(moment) / TARGETS * (0.5 + draw.random()) + draw.random())
                hurt = incident.begin <= moment - phase < incident.begin + incident.length
                share = incident.share if hurt else 0.0001
                failed = events if share >= 1 else min(events, int(events * share + draw.random()))
                good, bad = good + events - failed, bad + failed
        for code, which in (("200", 0), ("500", 1)):
            for point in points:
                yield "shop_total", f'{labels},code="{code}"', str(point[which]), point[2]


def _past(incident: Incident, environment: Environment) -> Past:
    shape = shapes.ours(environment, promise(incident))
    recordings = replace(shape, rules=tuple(rule for rule in shape.rules if rule.record))
    return Past(shape=recordings, start=incident.start, end=incident.end, whole=True)


def _outcome(server: Server, incident: Incident, environment: Environment, step: int) -> Outcome:
    slo = promise(incident)
    span = (incident.start, incident.end, step)
    instants = range(*span)

    def when(query: str) -> list[bool]:
        found = {at for at, _ in server.over(query, *span)}
        return [at in found for at in instants]

    paging = [alert for alert in burn_alerts(slo, environment) if alert.severity is Severity.CRITICAL]
    raw = [any(flags) for flags in zip(*(when(_on_raw(slo, alert.pair)) for alert in paging), strict=True)]
    fires = [_fires(when(burning.burn_expression(slo, alert.pair)), alert, environment) for alert in paging]
    ours = [any(flags) for flags in zip(*fires, strict=True)]
    episodes = tuple(_episodes(ours, step, incident))
    return Outcome(incident=incident, raw=tuple(_episodes(raw, step, incident)), ours=episodes, pages=len(episodes))


def _fires(flags: Sequence[bool], alert: BurnAlert, environment: Environment) -> list[bool]:
    return list(held(flags, alert, environment.evaluation_interval))


def _on_raw(slo: Slo, pair: BurnPair) -> str:
    """The policy as the workbook has it."""
    limit = promql.number(pair.factor * (1 - slo.target))
    assert isinstance(slo.sli, RatioSli)  # made above
    bad, total = slo.sli.bad, slo.sli.total
    return " and ".join(
        f"sum(rate({bad}[{span}])) / sum(rate({total}[{span}])) > {limit}"
        for span in (durations.text(pair.long), durations.text(pair.short))
    )


def _episodes(flags: Sequence[bool], step: int, incident: Incident) -> Iterator[tuple[int, int]]:
    begun = None
    for number, flag in enumerate([*flags, False]):
        second = number * step - incident.begin
        if flag and begun is None:
            begun = second
        elif not flag and begun is not None:
            yield begun, second
            begun = None


def told(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The table; seconds from the beginning of each incident."""
    yield "| hour | requests/s | failing | lasts | page: raw, ours | later | over: raw, ours | later | pages |"
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for one in outcomes:
        incident = one.incident
        hour = (incident.start + incident.begin) % 86_400 // HOUR
        shown = f"| {hour} | {incident.traffic(incident.begin):.1f} | {incident.share:.1%} | {incident.length} s "
        if not (one.raw and one.ours):
            yield f"{shown}| {one.raw or 'none'}, {one.ours or 'none'} | | | | {one.pages} |"
            continue
        begun, over = f"{one.raw[0][0]}, {one.ours[0][0]}", f"{one.raw[-1][1]}, {one.ours[-1][1]}"
        yield f"{shown}| {begun} | {one.later} | {over} | {one.reset_later} | {one.pages} |"


def bars(longer: Sequence[Outcome], brief: Sequence[Outcome], step: int) -> Iterator[Bar]:
    """Which bars were kept, where samples and evaluations are ``step`` seconds apart."""
    every = [*longer, *brief]
    late = max(one.later for one in every if one.later is not None)
    reset = max(one.reset_later for one in every if one.reset_later is not None)
    paged = sum(bool(one.ours) for one in brief) / len(brief)
    most = max(one.pages for one in brief)
    more = sum(one.pages > max(len(one.raw), 1) for one in longer)
    missed = sum(bool(one.raw) and not one.ours for one in every)
    at = f"at {step} s"
    yield Bar(f"{at}, a page at most {LATEST_PAGE} s after that on raw metrics: {late} s", late <= LATEST_PAGE)
    yield Bar(f"{at}, over at most {LATEST_RESET} s after it: {reset} s", reset <= LATEST_RESET)
    yield Bar(f"{at}, no page on raw metrics alone: {missed}", not missed)
    yield Bar(f"{at}, {LEAST_PAGED:.0%} of full outages of 2 min page: {paged:.0%}", paged >= LEAST_PAGED)
    yield Bar(f"{at}, at most one page for each of them: {most}", most <= 1)
    yield Bar(f"{at}, nowhere more pages than raw metrics would make: {more}", not more)
