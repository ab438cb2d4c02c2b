"""Makes the report of a period: reads Prometheus and the store, computes, and fills the report's model."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from monitor import clock
from monitor.catalogue.model import Catalogue, RatioSli, Recovery, Slo
from monitor.compliance import evidence
from monitor.compliance.corrections import NOTHING, Excluded, excluded, parts_in
from monitor.compliance.counting import COARSE, Grid
from monitor.compliance.filling import filled
from monitor.compliance.measured import PAUSE, Measured, runs
from monitor.compliance.period import Period
from monitor.compliance.reading import Reader
from monitor.compliance.tally import Tally
from monitor.render.report_model import (
    Average,
    Budget,
    Effect,
    ExcludedTime,
    Gap,
    Incident,
    PeriodSpan,
    Report,
    SloResult,
    Slot,
    Target,
)
from monitor.slo import verdict
from monitor.slo.windows import MINIMUM_BAD_EVENTS
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from monitor.store_history import Correction, SloHistory
from monitor.store_mark import mark

FINE = timedelta(minutes=1)
FINE_UP_TO = timedelta(days=2)
"""Periods up to here are read minute by minute, longer ones in steps of five."""

MOST_SLOTS = 92
"""As many pieces fit into a line of the chart: a quarter's days."""

MOST_INCIDENTS = 5

SAME_INCIDENT = 0.5
"""Bad times of two SLOs that share at least this much of the time that they span together are one incident."""

AVERAGES = (
    ("API answers", 0.2, "http_server_request_duration_seconds", 'http_route=~"/api/.*"', "measured in the app"),
    (
        "Database queries",
        0.05,
        "db_client_operation_duration_seconds",
        'db_system_name="mongodb"',
        "measured in the app's MongoDB client",
    ),
)
"""Means that the service promises (title, seconds, histogram, matchers, where it is measured): 200 ms and 50 ms."""

PAGE = ("Page answers", 2.0, 'avg(probe_duration_seconds{probe="page"})', "seen by the outside probe")

RECOVERY_POINT_AGE = "time() - max(dr_recovery_point_timestamp_seconds)"
RESTORE_TIME = "max(dr_restore_seconds)"


def make_report(prometheus: Prometheus, store: Store | None, catalogue: Catalogue, period: Period) -> Report:
    """Make the report of a period. Without a store, what it would tell is unknown; the rest is told.

    Days that Prometheus has forgotten are told as they were sealed.

    Raises:
        Unavailable: Prometheus cannot be reached.
        InputError: an SLI of the catalogue cannot be counted.
    """
    grid = Grid.over(period.start, period.until, _cell(period, catalogue))
    reader = Reader(prometheus, grid, catalogue.environment.evaluation_interval)
    measured = {slo.name: _measured(reader, store, slo, period) for slo in catalogue.slos}
    slos = tuple(_corrected(slo, measured[slo.name], period, grid, store) for slo in catalogue.slos)
    zone = catalogue.recovery.time_zone if catalogue.recovery else "UTC"
    return Report(
        period=PeriodSpan(
            text=period.text,
            start=period.start,
            end=period.end,
            until=period.until,
            calendar=period.calendar,
            time_zone=zone,
        ),
        environment=catalogue.environment.name,
        generated_at=clock.now().replace(microsecond=0),
        cell_seconds=grid.width.total_seconds(),
        slos=slos,
        incidents=_incidents(slos, measured, grid),
        averages=_averages(reader),
        recovery=_recovery(reader, catalogue.recovery),
        backups=evidence.backups(store, period) if store else None,
        drills=evidence.drills(store, period) if store else None,
        gaps=_gaps(measured, grid),
        sealed_records=mark(store) if store else "",
    )


def _measured(reader: Reader, store: Store | None, slo: Slo, period: Period) -> Measured:
    live = reader.slo(slo)
    if store is None:
        return live
    return filled(live, reader.grid, SloHistory(store).days(slo.name, period.start, period.until))


def _cell(period: Period, catalogue: Catalogue) -> timedelta:
    # A cell holds at least two scrapes, so that an interval between two of them never looks like a gap.
    wanted = FINE if period.elapsed <= FINE_UP_TO else COARSE
    return max(wanted, 2 * catalogue.environment.scrape_interval)


def _corrected(slo: Slo, measured: Measured, period: Period, grid: Grid, store: Store | None) -> SloResult:
    """How an SLO went, without the time that was agreed not to count; and how with it, where there is such time."""
    before = _result(slo, measured, period, grid, NOTHING)
    taken = excluded(SloHistory(store), slo.name, period.start, period.until) if store else NOTHING
    if not taken.corrections:
        return before
    after = _result(slo, measured, period, grid, taken)
    return replace(
        after, before=before, corrections=tuple(_told(correction, period) for correction in taken.corrections)
    )


def _told(correction: Correction, period: Period) -> ExcludedTime:
    parts = parts_in(correction, period.start, period.until)
    return ExcludedTime(
        id=correction.id,
        start=correction.start,
        end=correction.end,
        reason=correction.reason,
        by=correction.by,
        approved_by=correction.approved_by,
        failed_events=None if parts is None else sum(part.bad or 0.0 for part in parts),
        total_events=None if parts is None else sum(part.total or 0.0 for part in parts),
    )


def _result(slo: Slo, measured: Measured, period: Period, grid: Grid, taken: Excluded) -> SloResult:
    sums = taken.from_(Tally(total=measured.events(), bad=measured.failures()))
    achieved, coverage, objective = sums.achieved, measured.coverage, float(slo.target)
    between = verdict.bounds(achieved, coverage, measured.peak)
    minutes = grid.width / timedelta(minutes=1)
    budget = float(1 - slo.target)
    allowed = period.length / timedelta(minutes=1) * budget
    known = sum(measured.covered) * minutes
    spent = known * (1 - achieved) if achieved is not None else 0.0
    counted = isinstance(slo.sli, RatioSli) and slo.sli.slice is None
    return SloResult(
        name=slo.name,
        display_name=slo.display_name,
        description=slo.description,
        service=slo.service,
        unit=slo.events if counted else "minutes",
        objective=objective,
        achieved=achieved,
        low=between.low,
        high=between.high,
        verdict=between.judge(objective),
        coverage=coverage,
        failed_events=max(0.0, sum(measured.failed) - taken.bad),
        total_events=max(0.0, sum(measured.total) - taken.total),
        dark_minutes=sum(measured.dark) * minutes,
        budget_minutes=Budget(allowed=allowed, spent=spent),
        budget_events=_budget_events(sums, period, known, budget) if counted else None,
        slots=_slots(measured, period, grid, spent / allowed),
    )


def _budget_events(sums: Tally, period: Period, known: float, budget: float) -> Budget | None:
    """Allow the events of the whole period at the traffic of the ``known`` minutes that were measured.

    So the share spent is that of the minutes. Without an event nobody knows how many may fail: ``None``.
    """
    if sums.total <= 0 or not known:
        return None
    whole = sums.total * (period.length / timedelta(minutes=1)) / known
    return Budget(allowed=whole * budget, spent=max(0.0, sums.bad))


def _slots(measured: Measured, period: Period, grid: Grid, spent: float) -> tuple[Slot, ...]:
    """Cut the period into days, or into sixty pieces; ``spent`` is the share of the budget that is gone at its end."""
    days = round(period.elapsed / timedelta(days=1))
    many = min(grid.cells, days if 7 <= days <= MOST_SLOTS else 60)  # noqa: PLR2004  # a week of days is a line to look at
    bounds = [round(number * grid.cells / many) for number in range(many + 1)]
    per_failure = spent / measured.failures() if measured.failures() else 0.0
    left, found = 1.0, []
    for first, after in pairwise(bounds):
        part = slice(first, after)
        achieved, known = measured.achieved(part), sum(measured.covered[part])
        left -= measured.failures(part) * per_failure
        found.append(
            Slot(
                start=grid.edges[first],
                end=grid.edges[after],
                achieved=achieved,
                coverage=known / (after - first),
                budget_left=left if known else None,
            )
        )
    return tuple(found)


def _incidents(slos: tuple[SloResult, ...], measured: dict[str, Measured], grid: Grid) -> tuple[Incident, ...]:
    """Find each SLO's bad time, join what is the same in several of them, and keep the worst."""
    joined: list[tuple[range, list[SloResult]]] = []
    for slo in slos:
        flags = measured[slo.name].bad(slo.objective)
        for first, after in runs(flags, pause=PAUSE):
            if _counts(measured[slo.name], slice(first, after), slo):
                _join(joined, range(first, after), slo)
    found = (
        Incident(
            start=grid.edges[cells.start],
            end=grid.edges[cells.stop],
            effects=tuple(_effect(slo, measured[slo.name], slice(cells.start, cells.stop)) for slo in touched),
        )
        for cells, touched in joined
    )
    return tuple(sorted(found, key=lambda incident: (-incident.budget_share, incident.start))[:MOST_INCIDENTS])


def _join(joined: list[tuple[range, list[SloResult]]], cells: range, slo: SloResult) -> None:
    """Put bad time of an SLO to the incident that it mostly shares its time with, or make it one of its own.

    So an outage that three SLOs saw is one incident, and an hour of slowness around it is another.
    """
    for number, (other, touched) in enumerate(joined):
        whole = range(min(cells.start, other.start), max(cells.stop, other.stop))
        shared = min(cells.stop, other.stop) - max(cells.start, other.start)
        if shared / len(whole) >= SAME_INCIDENT and slo not in touched:
            joined[number] = (whole, [*touched, slo])
            return
    joined.append((cells, [slo]))


def _counts(measured: Measured, cells: slice, slo: SloResult) -> bool:
    """Whether enough failed to call it an incident: as many as would let the alerts speak, or a dark minute."""
    return slo.budget_events is None or any(measured.dark[cells]) or sum(measured.failed[cells]) >= MINIMUM_BAD_EVENTS


def _effect(slo: SloResult, measured: Measured, cells: slice) -> Effect:
    """An incident's share of the budget is its share of the failures that spent it."""
    # Of the budget as it was before corrections: what happened has happened.
    budget = (slo.before or slo).budget_minutes
    failures, spent = measured.failures(), budget.spent / budget.allowed
    return Effect(
        slo=slo.name,
        display_name=slo.display_name,
        failed_events=sum(measured.failed[cells]),
        total_events=sum(measured.total[cells]),
        unit=slo.unit,
        budget_share=spent * measured.failures(cells) / failures if failures else 0.0,
    )


def _averages(reader: Reader) -> tuple[Average, ...]:
    from_histograms = tuple(
        Average(title=title, promise_seconds=promise, measured_seconds=reader.mean(name, matchers), how=how)
        for title, promise, name, matchers, how in AVERAGES
    )
    title, promise, query, how = PAGE
    page = Average(title=title, promise_seconds=promise, measured_seconds=reader.mean_of(query), how=how)
    return (*from_histograms, page)


def _recovery(reader: Reader, recovery: Recovery | None) -> tuple[Target, ...]:
    if recovery is None:
        return ()
    return (
        Target(
            title="Recovery point age",
            target_seconds=recovery.rpo.total_seconds(),
            measured_seconds=reader.worst(RECOVERY_POINT_AGE),
            how="greatest age of the newest recovery point",
        ),
        Target(
            title="Restore time, measured",
            target_seconds=recovery.rto.total_seconds(),
            measured_seconds=reader.worst(RESTORE_TIME),
            how="longest verified restore into a scratch server; detection and decision come on top",
        ),
    )


def _gaps(measured: dict[str, Measured], grid: Grid) -> tuple[Gap, ...]:
    """Time in which some SLO was not measured, oldest first; SLOs with the same gap share it."""
    blind: dict[tuple[datetime, datetime], list[str]] = defaultdict(list)
    for name, cells in measured.items():
        for first, after in runs(not known for known in cells.covered):
            blind[grid.edges[first], grid.edges[after]].append(name)
    return tuple(Gap(start=start, end=end, slos=tuple(names)) for (start, end), names in sorted(blind.items()))
