"""Events are counted to the last one from a real Prometheus's samples, whatever happened between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from monitor.catalogue.model import ThresholdSli
from monitor.compliance.counting import Counter, Grid
from monitor.compliance.reading import Reader
from monitor.errors import InputError
from tests.contract.history import History, serve
from tests.contract.slo_past import promised

END = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def every(seconds: int, value: Callable[[int], float | None], *, minutes: int) -> list[tuple[datetime, float]]:
    """Scrape ``value(second before END, counted up)`` at uneven milliseconds, as a real scraper does."""
    first = END - minutes * MINUTE
    offsets = range(0, minutes * 60 + 1, seconds)
    values = ((first + timedelta(seconds=offset, milliseconds=137), value(offset)) for offset in offsets)
    return [(at, number) for at, number in values if number is not None]


@pytest.mark.parametrize("minutes", [10, 60])
@pytest.mark.parametrize("scrape", [5, 15, 30])
def test_an_outage_of_a_minute_is_counted_to_the_last_request(tmp_path: Path, minutes: int, scrape: int) -> None:
    history = History()
    began = 150  # seconds after the first sample
    history.add("e_total", {"code": "5xx"}, every(scrape, lambda s: 20.0 * min(max(s - began, 0), 60), minutes=75))
    history.add("e_total", {"code": "2xx"}, every(scrape, lambda s: 20.0 * s, minutes=75))
    start = END - 75 * MINUTE + MINUTE
    with serve(history, tmp_path) as prometheus:
        counter = Counter(prometheus, Grid.over(start, start + minutes * MINUTE, MINUTE))
        bad = counter.count('e_total{code="5xx"}')
        total = counter.count('e_total{code="5xx"} + e_total{code="2xx"}')
    assert bad.total == 1200
    assert total.total - bad.total == pytest.approx(minutes * 60 * 20, abs=scrape * 20)
    assert all(bad.covered)


def test_a_restart_loses_nothing_that_was_scraped_even_if_the_counter_grew_past_its_old_value(tmp_path: Path) -> None:
    def restarted(second: int) -> float:
        return second * 1.0 if second < 100 else (second - 100) * 1000.0

    history = History()
    history.add("e_total", {"i": "1"}, every(5, restarted, minutes=20))
    history.add("e_total", {"i": "2"}, every(5, lambda s: 7.0 * s, minutes=20))
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        counted = Counter(prometheus, Grid.over(start + MINUTE, start + 11 * MINUTE, MINUTE)).count("e_total")
    # From second 55 (the last scrape before the first minute ended) to 655; the scrape of second 95 saw 95.
    assert counted.total == (95 - 55) + (655 - 100) * 1000 + 7 * 600


def test_events_during_a_gap_in_scraping_are_counted_but_the_time_is_not_covered(tmp_path: Path) -> None:
    history = History()
    history.add("e_total", {}, every(5, lambda s: None if 300 <= s < 600 else 2.0 * s, minutes=20))
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        counted = Counter(prometheus, Grid.over(start + MINUTE, start + 15 * MINUTE, MINUTE)).count("e_total")
    assert counted.total == 2 * 14 * 60
    assert [covered for covered, _ in itertools.groupby(counted.covered)] == [True, False, True]
    assert counted.covered.count(False) == 5


def test_a_restart_during_a_gap_counts_what_was_seen_since(tmp_path: Path) -> None:
    def restarted(second: int) -> float | None:
        return None if 300 <= second < 600 else 2.0 * second if second < 300 else 3.0 * (second - 600)

    history = History()
    history.add("e_total", {}, every(5, restarted, minutes=20))
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        counted = Counter(prometheus, Grid.over(start + MINUTE, start + 15 * MINUTE, MINUTE)).count("e_total")
    assert counted.total == 2 * (295 - 55) + 3 * (895 - 600)


def test_a_series_that_begins_inside_the_period_is_counted_from_its_first_sample(tmp_path: Path) -> None:
    history = History()
    history.add("e_total", {}, every(5, lambda s: None if s < 320 else 100 + 2.0 * s, minutes=20))
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        counted = Counter(prometheus, Grid.over(start, start + 10 * MINUTE, 5 * MINUTE)).count("e_total")
    assert counted.total == 2 * (595 - 320)
    assert counted.covered == (False, True)


def test_a_label_set_that_is_born_while_its_target_is_watched_is_counted_from_zero(tmp_path: Path) -> None:
    target = {"job": "app", "instance": "app-1"}
    history = History()
    history.add("up", target, every(5, lambda _: 1.0, minutes=20))
    history.add("e_total", target | {"code": "200"}, every(5, lambda s: 500 + 2.0 * s, minutes=20))
    history.add("e_total", target | {"code": "500"}, every(5, lambda s: None if s < 320 else 3.0, minutes=20))
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        for width in (MINUTE, 5 * MINUTE):
            counter = Counter(prometheus, Grid.over(start + MINUTE, start + 11 * MINUTE, width))
            assert counter.count('e_total{code="500"}').total == 3
            assert counter.count("e_total").total == 3 + 2 * 600


def test_a_series_that_is_born_with_its_target_is_counted_from_its_first_sample(tmp_path: Path) -> None:
    target = {"job": "app", "instance": "app-1"}
    history = History()
    history.add("up", target, every(5, lambda s: None if s < 300 else 0.0 if s < 320 else 1.0, minutes=20))
    history.add("up", {"job": "app", "instance": "app-2"}, every(5, lambda _: 1.0, minutes=20))
    history.add("e_total", target, every(5, lambda s: None if s < 320 else 100 + 2.0 * s, minutes=20))
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        for width in (MINUTE, 5 * MINUTE):
            counter = Counter(prometheus, Grid.over(start, start + 10 * MINUTE, width))
            assert counter.count("e_total").total == 2 * (595 - 320)


def test_nothing_recorded_is_nothing_covered(tmp_path: Path) -> None:
    history = History()
    history.add("other_total", {}, every(5, float, minutes=20))
    with serve(history, tmp_path) as prometheus:
        counted = Counter(prometheus, Grid.over(END - 10 * MINUTE, END, MINUTE)).count("e_total")
    assert counted.total == 0
    assert not any(counted.covered)


@pytest.mark.parametrize("expression", ["sum(rate(e_total[5m]))", "e_total / e_total", "e_total +"])
def test_only_sums_of_counters_can_be_counted(tmp_path: Path, expression: str) -> None:
    history = History()
    history.add("e_total", {}, every(60, float, minutes=20))
    with serve(history, tmp_path) as prometheus:
        counter = Counter(prometheus, Grid.over(END - 10 * MINUTE, END, MINUTE))
        with pytest.raises(InputError, match="e_total"):
            counter.count(expression)


@pytest.mark.parametrize("exposed", ["1", "1.0"])
def test_a_bucket_is_found_however_its_edge_is_spelled(tmp_path: Path, exposed: str) -> None:
    """Prometheus 2 keeps what was exposed, Prometheus 3 writes 1.0; whoever wrote the SLO knows of neither."""
    history = History()
    history.add("h_bucket", {"le": exposed}, every(15, lambda s: 2.0 * s, minutes=20))
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        grid = Grid.over(start + MINUTE, start + 11 * MINUTE, MINUTE)
        for written in ("1", "1.0"):
            selector = f'h_bucket{{le="{written}"}}'
            assert Counter(prometheus, grid).count(f"sum({selector})").total == 1200
            sli = ThresholdSli(query=f"sum(rate({selector}[1m]))", op="lt", value=Decimal(1))
            minutes = Reader(prometheus, grid, MINUTE).slo(replace(promised(), sli=sli))
            assert (minutes.failures(), minutes.events()) == (10, 10)


def _rising(rate: float, second: int) -> float:
    return 9000 + rate * second


def test_counters_that_go_on_under_other_labels_are_counted_once(tmp_path: Path) -> None:
    target = {"job": "app", "instance": "app-1"}
    history = History()
    history.add("up", target, every(5, lambda _: 1.0, minutes=20))
    for code, rate in (("200", 2.0), ("500", 1.0)):
        points = every(5, partial(_rising, rate), minutes=20)
        labels = target | {"code": code}
        history.add("e_total", labels, points[:64])
        history.add("e_total", labels | {"region": "eu"}, points[64:])
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        for width in (MINUTE, 5 * MINUTE):
            counter = Counter(prometheus, Grid.over(start + MINUTE, start + 11 * MINUTE, width))
            assert counter.count('e_total{code="500"}').total == 600
            assert counter.count("e_total").total == 3 * 600


def test_a_process_that_starts_anew_under_other_labels_counts_from_zero(tmp_path: Path) -> None:
    target = {"job": "app", "instance": "app-1"}
    history = History()
    history.add("up", target, every(5, lambda _: 1.0, minutes=20))
    old, new = target | {"version": "1"}, target | {"version": "2"}
    history.add("e_total", old, every(5, lambda s: 9000 + 2.0 * s if s < 320 else None, minutes=20))
    history.add("e_total", new, every(5, lambda s: 2.0 * (s - 315) if s >= 320 else None, minutes=20))
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        counter = Counter(prometheus, Grid.over(start + MINUTE, start + 11 * MINUTE, MINUTE))
        assert counter.count("e_total").total == 2 * 600


def test_a_restart_after_missed_scrapes_loses_nothing_that_was_scraped(tmp_path: Path) -> None:
    """The last sample before lies further back than a reset is looked for; Prometheus and others differ there."""

    def restarted(second: int) -> float | None:
        return 1000.0 + second if second < 380 else None if second < 500 else 3.0 * (second - 450)

    history = History()
    history.add("e_total", {"i": "1"}, every(10, restarted, minutes=20))
    history.add("e_total", {"i": "2"}, every(10, lambda s: 7.0 * s if s < 500 else 7.0 * (s - 500), minutes=20))
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        counted = Counter(prometheus, Grid.over(start + 3 * MINUTE, start + 13 * MINUTE, 5 * MINUTE)).count("e_total")
    # The last scrapes before the edges were those of seconds 170 and 770.
    assert counted.total == (370 - 170) + 3 * (770 - 450) + 7 * (490 - 170) + 7 * (770 - 500)


def test_a_restart_in_a_gap_is_seen_though_the_counter_has_outgrown_its_old_value(tmp_path: Path) -> None:
    def restarted(second: int) -> float | None:
        # It restarts twice: unseen in the gap, and once more while it is scraped again.
        return (
            1.0 * second
            if second < 300
            else None
            if second < 600
            else 500.0 + second
            if second < 620
            else second - 620.0
        )

    history = History()
    history.add("e_total", {}, every(5, restarted, minutes=20))
    start = END - 20 * MINUTE
    with serve(history, tmp_path) as prometheus:
        counted = Counter(prometheus, Grid.over(start + MINUTE, start + 15 * MINUTE, MINUTE)).count("e_total")
    assert counted.total == (1115 - 55) + (895 - 620)
