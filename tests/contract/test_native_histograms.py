"""Native histograms against the events themselves, on a real Prometheus: rules, report, replay, live check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from monitor import clock
from monitor.catalogue.model import RatioSli, Slo
from monitor.check import live_findings
from monitor.compliance import replay_reading
from monitor.compliance.counting import Counter, Grid
from monitor.compliance.reading import Reader
from monitor.compliance.sealing import first_seen
from monitor.errors import InputError
from monitor.slo import names, native, promql
from monitor.sources.prometheus import Prometheus
from tests.contract.history import History, serve
from tests.contract.native_histograms import NativeHistogram, Written
from tests.contract.slo_past import catalogue, promised

SCRAPE = timedelta(seconds=15)
MINUTE = timedelta(minutes=1)
LENGTH = 60 * MINUTE
RENAMED = 185
"""The scrape from which on one series has another label."""
QUICK, SLOW = 0.03, 1.7
"""Neither lies in the bucket that holds the threshold, so that every Prometheus tells them apart exactly."""
GOOD = 'histogram_fraction(0, 0.2, served_seconds{job="app"})'
LATE = 'histogram_fraction(0.2, +Inf, served_seconds{job="app"}) * histogram_count(served_seconds{job="app"})'
TOTAL = 'histogram_count(sum(served_seconds{job="app"}))'


@dataclass
class Truth:
    """Events by the scrape that first shows them."""

    bad: dict[datetime, int]
    total: dict[datetime, int]

    def between(self, start: datetime, end: datetime) -> tuple[int, int]:
        bad, total = (
            sum(many for at, many in events.items() if start < at <= end) for events in (self.bad, self.total)
        )
        return bad, total


@dataclass(frozen=True)
class Past:
    prometheus: Prometheus
    truth: Truth
    start: datetime
    end: datetime


def change(shown: dict[tuple[str, str], NativeHistogram], number: int) -> None:
    """What becomes of histograms, by instance and route, just before a scrape."""
    if number == 60:
        shown["b", "/slots"].coarsen()
        shown["b", "/slots"].coarsen()
    elif number == 100:
        shown["a", "/slots"] = NativeHistogram()
    elif number == 170:
        shown["b", "/new"] = NativeHistogram(schema=2)
    elif number == RENAMED:
        shown["a", "/renamed"] = shown.pop(("a", "/slots"))


def lived(written: Written, start: datetime) -> Truth:
    """An hour of two instances: uneven traffic, a restart, a gap, a coarser histogram, idle time, new labels."""
    truth = Truth(bad={}, total={})
    shown = {("a", "/slots"): NativeHistogram(), ("b", "/slots"): NativeHistogram()}
    unseen: dict[tuple[str, str], list[int]] = {}
    for one in shown.values():  # what was before the hour is nobody's business
        one.observe(QUICK, 5000)
        one.observe(SLOW, 777)
    for number in range(LENGTH // SCRAPE + 1):
        at = start + number * SCRAPE + timedelta(milliseconds=137)
        if number == RENAMED:
            unseen["a", "/renamed"] = unseen.pop(("a", "/slots"))
            written.ended({"__name__": "served_seconds", "job": "app", "instance": "a", "route": "/slots"}, at)
        change(shown, number)
        for (instance, route), one in shown.items():
            idle = 120 <= number < 140
            quick = 0 if idle else 10 + number % 50
            slow = 0 if idle else (number % 7 == 0) * 3 + (25 if 30 <= number < 34 else 0)
            missed = unseen.setdefault((instance, route), [0, 0])
            if number:
                one.observe(QUICK, quick)
                one.observe(0, quick // 10)
                one.observe(SLOW, slow)
                missed[0] += slow
                missed[1] += quick + quick // 10 + slow
            up = not (instance == "b" and 200 <= number < 214)
            if route != "/new":
                written.number({"__name__": "up", "job": "app", "instance": instance}, at, float(up))
            if up:
                labels = {"__name__": "served_seconds", "job": "app", "instance": instance, "route": route}
                written.histogram(labels, at, one)
                truth.bad[at] = truth.bad.get(at, 0) + missed[0]
                truth.total[at] = truth.total.get(at, 0) + missed[1]
                missed[:] = 0, 0
    return truth


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    flags = ("--enable-feature=native-histograms", "--web.enable-remote-write-receiver")
    start = clock.from_epoch((clock.now() - LENGTH - 5 * MINUTE).timestamp() // 300 * 300)
    with serve(History(), tmp_path_factory.mktemp("native"), flags=flags) as prometheus:
        if not native.is_supported(prometheus.version() or ""):
            pytest.skip(
                f"Prometheus {prometheus.version()} is on PATH, and native histograms can be counted from 3.0 on"
            )
        written = Written()
        truth = lived(written, start)
        written.send(prometheus.url)
        yield Past(prometheus=prometheus, truth=truth, start=start, end=start + LENGTH)


@pytest.fixture(params=["good", "bad"])
def slo(request: pytest.FixtureRequest) -> Slo:
    sli = RatioSli(good=GOOD, total=TOTAL) if request.param == "good" else RatioSli(bad=LATE, total=TOTAL)
    return replace(promised(), sli=sli)


def test_the_rules_gain_what_was_observed(past: Past, slo: Slo) -> None:
    total = promql.observed_total(slo, SCRAPE, SCRAPE)
    bad = promql.observed_bad(slo, SCRAPE, SCRAPE).replace(promql.series(names.OBSERVED_TOTAL_DELTA, slo), f"({total})")
    first = past.start + SCRAPE
    for position, query in enumerate((bad, total)):
        (series,) = past.prometheus.range(query, first, past.end, SCRAPE)
        assert len(series.points) == LENGTH // SCRAPE
        for (before, _), (at, value) in pairwise([(past.start, 0.0), *series.points]):
            expected = past.truth.between(before, at)[position]
            assert value == pytest.approx(expected, abs=1e-6), at


def test_the_report_counts_them_cell_by_cell(past: Past, slo: Slo) -> None:
    grid = Grid.over(past.start + MINUTE, past.end, MINUTE)
    measured = Reader(past.prometheus, grid, SCRAPE).slo(slo)
    for cell, (before, at) in enumerate(pairwise(grid.edges)):
        bad, total = past.truth.between(before, at)
        assert measured.total[cell] == pytest.approx(total, abs=1e-6), at
        assert measured.difference[cell] == pytest.approx(bad, abs=1e-6), at
    assert all(measured.covered)


def test_a_target_that_was_away_for_longer_than_its_cells_is_counted_when_it_is_back(past: Past) -> None:
    grid = Grid.over(past.start + 5 * MINUTE, past.end, 5 * MINUTE)
    for expression, position in ((LATE, 0), (TOTAL, 1)):
        counted = Counter(past.prometheus, grid).count(expression)
        assert counted.total == pytest.approx(past.truth.between(grid.edges[0], past.end)[position], abs=1e-6)


def test_a_replay_reads_the_same_from_the_past(past: Past, slo: Slo) -> None:
    place = replace(catalogue().environment, evaluation_interval=SCRAPE, scrape_interval=SCRAPE)
    first = past.start + MINUTE
    events = replay_reading.read(past.prometheus, slo, place, (first, past.end), MINUTE)
    inside = [number for number in range(len(events.total)) if events.at(number) > first]
    bad, total = past.truth.between(first, past.end)
    assert sum(events.total[number] for number in inside) == pytest.approx(total, abs=1e-6)
    assert sum(events.bad[number] for number in inside) == pytest.approx(bad, abs=1e-6)


def test_a_backfill_finds_where_they_begin_and_a_live_check_finds_nothing_wrong(past: Past, slo: Slo) -> None:
    hour = timedelta(hours=1)
    seen = first_seen(past.prometheus, slo, past.start - 3 * hour, past.end)
    assert seen is not None
    assert timedelta(0) <= seen - past.start <= hour
    assert list(live_findings(catalogue(slo), past.prometheus.instant, None)) == []


def test_an_older_prometheus_is_told_off_in_one_sentence(tmp_path: Path, slo: Slo) -> None:
    environment = catalogue().environment
    now = clock.now()
    with serve(History(), tmp_path) as prometheus:
        if native.is_supported(prometheus.version() or ""):
            pytest.skip(f"Prometheus {prometheus.version()} is on PATH, which counts them")
        with pytest.raises(InputError, match=r"^cannot count native histograms on Prometheus 2\..*: run 3\.0 or newer"):
            Counter(prometheus, Grid.over(now - MINUTE, now, MINUTE)).count(TOTAL)
        with pytest.raises(InputError, match=r"run 3\.0 or newer, or count a bucket"):
            replay_reading.read(prometheus, slo, environment, (now - MINUTE, now), MINUTE)
