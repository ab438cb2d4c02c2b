"""Days are sealed from a real Prometheus's raw counters, across gaps and resets, once and for good."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.catalogue.model import RatioSli, ThresholdSli
from monitor.compliance.period import Period
from monitor.compliance.report import make_report
from monitor.compliance.sealing import seal_missing
from monitor.compliance.tally import Tally
from monitor.errors import InputError
from monitor.store import Store
from monitor.store_history import SealedDay, SloHistory
from tests.contract.history import History, serve
from tests.contract.slo_past import HOUR, MIDNIGHT, MINUTE, SCRAPE, catalogue, past, promised


def sealed(store: Store, slo: str = "answers") -> tuple[SealedDay, ...]:
    return SloHistory(store).days(slo, MIDNIGHT - 400 * 24 * HOUR, MIDNIGHT + 400 * 24 * HOUR)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.migrate(tmp_path / "state" / "monitor.db")


def test_days_are_sealed_as_they_were_with_their_real_length_and_only_once(tmp_path: Path, store: Store) -> None:
    history = past({"2xx": lambda s: 2.0 * (s + 3600), "5xx": lambda s: 0.02 * (s + 3600)}, hours=80)
    now = MIDNIGHT + 75 * HOUR
    with serve(history, tmp_path) as prometheus:
        # The hour before the first midnight belongs to a day of its own.
        assert seal_missing(prometheus, store, catalogue(), now) == 4
        assert seal_missing(prometheus, store, catalogue(), now) == 0
    before, first, long, after = sealed(store)
    assert [day.day for day in (before, first, long, after)] == ["2026-10-23", "2026-10-24", "2026-10-25", "2026-10-26"]
    assert before.covered == HOUR
    assert [day.covered for day in (first, long, after)] == [24 * HOUR, 25 * HOUR, 24 * HOUR]
    assert long.total_events == pytest.approx(25 * 3600 * 2.02)
    assert long.bad_events == pytest.approx(25 * 3600 * 0.02)
    assert {day.version for day in sealed(store)} == {1}
    assert first.sli == 'bad: e_total{code="5xx"}; total: e_total'


def test_a_day_is_not_sealed_before_it_is_over(tmp_path: Path, store: Store) -> None:
    history = past({"2xx": lambda s: 2.0 * s + 9000}, hours=25)
    with serve(history, tmp_path) as prometheus:
        seal_missing(prometheus, store, catalogue(), MIDNIGHT + 24 * HOUR + 9 * MINUTE)
        assert [day.day for day in sealed(store)] == ["2026-10-23"]
        seal_missing(prometheus, store, catalogue(), MIDNIGHT + 24 * HOUR + 15 * MINUTE)
        assert [day.day for day in sealed(store)] == ["2026-10-23", "2026-10-24"]


def test_events_of_a_gap_and_of_restarts_are_all_counted_and_the_gap_is_told(tmp_path: Path, store: Store) -> None:
    # Prometheus is away from 23:30 to 00:30 of the next day; a restart at noon had grown past its old value.
    def gap(s: float) -> bool:
        return 23.5 * 3600 < s < 24.5 * 3600

    def restarted(s: float) -> float | None:
        return None if gap(s) else 3.0 * (s + 3600) if s < 43_200 else 3.0 * (s - 43_200)

    history = past({"2xx": restarted, "5xx": lambda s: None if gap(s) else 0.5 * max(0.0, s)}, hours=60)
    with serve(history, tmp_path) as prometheus:
        seal_missing(prometheus, store, catalogue(), MIDNIGHT + 60 * HOUR)
    _, first, second = sealed(store)
    both = Tally.of_day(first) + Tally.of_day(second)
    assert both.bad == pytest.approx(49 * 3600 * 0.5, abs=0.5 * SCRAPE)
    assert both.total == pytest.approx(49 * 3600 * 3.5, rel=1e-3)
    # A sample a moment after half past covers its cell of five minutes.
    assert first.covered == 23.5 * HOUR + 5 * MINUTE
    unknown = [stretch for day in (first, second) for stretch in day.stretches if stretch.state == "unknown"]
    assert sum(((one.end - one.start) for one in unknown), timedelta(0)) == HOUR - 5 * MINUTE


def test_good_and_total_of_two_producers_add_up_over_midnight(tmp_path: Path, store: Store) -> None:
    # Total is scraped 20 seconds after good, so at each midnight the two are apart by what came in between.
    history = past({"2xx": lambda s: 50.0 * (s + 3600)}, hours=100, name="good_total")
    later = past({"2xx": lambda s: 50.0 * (s + 3600 + 20)}, hours=100, name="all_total")
    history.lines |= {
        name: [f"{head} {float(at) + 20:.3f}" for head, at in (row.rsplit(" ", 1) for row in rows)]
        for name, rows in later.lines.items()
    }
    slo = promised(good="good_total", total="all_total")
    with serve(history, tmp_path) as prometheus:
        seal_missing(prometheus, store, catalogue(slo), MIDNIGHT + 99 * HOUR)
    days = sealed(store)[1:]
    assert len(days) == 4
    assert sum(day.bad_events for day in days) == pytest.approx(0, abs=50 * 30)
    assert all(abs(day.bad_events) <= 50 * 30 for day in days)


def test_idle_hours_new_series_and_new_labels_are_counted_as_they_were(tmp_path: Path, store: Store) -> None:
    # A hundred times more by day; nothing at night; a release at noon of the 24th renames every series.
    def events(second: float) -> float:
        day, hour = divmod(second / 3600, 24)
        return 3600.0 * 50 * (day * 10 + min(max(hour - 8, 0), 10))

    def of(version: str, good: float) -> Callable[[float], float | None]:
        def value(second: float) -> float | None:
            noon = 12 * 3600
            if (version == "1") != (second < noon):
                return None
            return round(good * (events(second) if version == "1" else events(second) - events(noon - SCRAPE)), 6)

        return value

    history, target = History(), {"job": "app", "instance": "app-1"}
    offsets = range(-3600, 50 * 3600, SCRAPE)
    history.add("up", target, [(MIDNIGHT + timedelta(seconds=s), 1.0) for s in offsets])
    for version in ("1", "2"):
        for code, share in (("2xx", 0.98), ("5xx", 0.02)):
            seen = ((MIDNIGHT + timedelta(seconds=s), of(version, share)(s)) for s in offsets)
            labels = target | {"code": code, "version": version}
            history.add("e_total", labels, [(at, number) for at, number in seen if number is not None])
    with serve(history, tmp_path) as prometheus:
        seal_missing(prometheus, store, catalogue(), MIDNIGHT + 49.5 * HOUR)
    _, first, second = sealed(store)
    for day in (first, second):
        assert day.total_events == pytest.approx(3600 * 50 * 10, rel=1e-6)
        assert day.bad_events == pytest.approx(0.02 * 3600 * 50 * 10, rel=1e-6)
        assert day.covered == day.end - day.start


def test_dark_time_over_midnight_and_minutes_of_a_gauge_are_sealed_as_the_report_tells_them(
    tmp_path: Path, store: Store
) -> None:
    # The edge is gone from 23:00 to 01:00, and the probe says so; meanwhile a gauge is too high.
    def gone(s: float) -> bool:
        return 23 * 3600 <= s < 25 * 3600

    history = past({"2xx": lambda s: None if gone(s) else 2.0 * (s if s < 23 * 3600 else s - 7200) + 9e3}, hours=60)
    scrapes = [(s, MIDNIGHT + timedelta(seconds=s, milliseconds=137)) for s in range(-3600, 60 * 3600, SCRAPE)]
    history.add("probe_success", {}, [(at, float(not gone(s))) for s, at in scrapes])
    history.add("age", {}, [(at, 9.0 if gone(s) else 1.0) for s, at in scrapes])
    answers = promised(bad='e_total{code="5xx"}', total="e_total", probe="probe_success")
    fresh = replace(promised("fresh"), sli=ThresholdSli(query="max(age)", op="lt", value=Decimal(5)))
    whole, now = catalogue(answers, fresh), MIDNIGHT + 60 * HOUR
    with serve(history, tmp_path) as prometheus:
        seal_missing(prometheus, store, whole, now)
        period = Period(text="x", start=MIDNIGHT, end=MIDNIGHT + 49 * HOUR, until=MIDNIGHT + 49 * HOUR)
        reported = make_report(prometheus, None, whole, period).slos
    for slo, result in zip((answers, fresh), reported, strict=True):
        told = sum((Tally.of_day(day) for day in sealed(store, slo.name)[1:]), Tally())
        assert told.achieved == pytest.approx(result.achieved, rel=1e-6)
        assert told.coverage(period.length) == pytest.approx(result.coverage)
        assert told.remaining(0.99, period.length) == pytest.approx(result.budget_left, rel=1e-6)
    _, first, second = sealed(store)
    assert [stretch.state for stretch in first.stretches] == ["measured", "dark"]
    assert [stretch.state for stretch in second.stretches] == ["dark", "measured"]
    assert first.bad_events == pytest.approx(2.0 * 3600, rel=0.1)
    minutes = [day.bad_events for day in sealed(store, "fresh")]
    assert minutes == [0, pytest.approx(60, abs=5), pytest.approx(60, abs=5)]
    assert sealed(store, "fresh")[2].total_events == 25 * 60


@pytest.mark.parametrize(("target", "bad"), [("0.9", 60.0), ("0.4", 0.0), (None, 30.0)])
def test_slices_of_time_are_sealed_as_minutes_however_much_came_in_them(
    tmp_path: Path, store: Store, target: str | None, bad: float
) -> None:
    # For an hour half of all fails, at a hundredth of the traffic; by events that would be nothing.
    def events(s: float) -> float:
        return 200.0 * (s + 3600) - 198.0 * min(max(s - 36_000, 0), 3600)

    def failed(s: float) -> float:
        return 1.0 * min(max(s - 36_000, 0), 3600)

    history = past({"2xx": lambda s: round(events(s) - failed(s), 6), "5xx": failed}, hours=25)
    counted = RatioSli(
        bad='e_total{code="5xx"}',
        total="e_total",
        slice=MINUTE,
        slice_target=Decimal(target) if target else None,
    )
    with serve(history, tmp_path) as prometheus:
        seal_missing(prometheus, store, catalogue(replace(promised(), sli=counted)), MIDNIGHT + 24.5 * HOUR)
    day = sealed(store)[-1]
    assert day.total_events == pytest.approx(24 * 60)
    assert day.bad_events == pytest.approx(bad, abs=1.5)


def test_missed_runs_are_made_good_and_what_nobody_knows_is_left_for_later(tmp_path: Path, store: Store) -> None:
    history = past({"2xx": lambda s: None if 30 * 3600 < s < 80 * 3600 else 2.0 * s + 9000}, hours=130)
    with serve(history, tmp_path) as prometheus:
        seal_missing(prometheus, store, catalogue(), MIDNIGHT + 75 * HOUR)
        # Of the 26th nothing is known; it is sealed as such once something is known of a day after it.
        assert [day.day for day in sealed(store)] == ["2026-10-23", "2026-10-24", "2026-10-25"]
        seal_missing(prometheus, store, catalogue(), MIDNIGHT + 125 * HOUR)
    assert [(day.day[-2:], day.covered / HOUR) for day in sealed(store)][2:] == [
        ("25", 6 + 1 / 12),
        ("26", 0.0),
        ("27", pytest.approx(17, abs=0.1)),
        ("28", 24.0),
    ]
    # The counter was away for 50 hours; what it gained is counted where it was seen again.
    assert sum(day.total_events for day in sealed(store)[1:]) == pytest.approx(2.0 * 121 * 3600, rel=1e-3)
    assert all(day.sealed_at.tzinfo is not None for day in sealed(store))


def test_an_slo_that_cannot_be_counted_costs_only_itself(tmp_path: Path, store: Store) -> None:
    history = past({"2xx": lambda s: 2.0 * s + 9000}, hours=25)
    strange = promised("strange", bad="rate(e_total[5m])", total="rate(e_total[5m])")
    with serve(history, tmp_path) as prometheus, pytest.raises(InputError, match="strange"):
        seal_missing(prometheus, store, catalogue(strange, promised()), MIDNIGHT + 24.5 * HOUR)
    assert [day.day for day in sealed(store)] == ["2026-10-23", "2026-10-24"]
    assert sealed(store, "strange") == ()


SEALING = """
import sys
from datetime import timedelta
from pathlib import Path
from monitor.store import Store
from monitor.store_history import SealedDay, SloHistory, Stretch
from tests.contract.slo_past import HOUR, MIDNIGHT
with Store(Path(sys.argv[1])) as store:
    for number in range(2000):
        span = {"start": MIDNIGHT + number * 24 * HOUR, "end": MIDNIGHT + (number + 1) * 24 * HOUR}
        SloHistory(store).seal(
            SealedDay(slo=slo, day=str(number), stretches=(Stretch(**span, state="measured", total=1.0),), **span,
                      objective=0.9, sli="", sealed_at=MIDNIGHT, reason="the day is over")
            for slo in ("one", "two", "three")
        )
        print(number, flush=True)
"""


def test_a_process_that_is_killed_leaves_whole_days(store: Store) -> None:
    command = [sys.executable, "-c", SEALING, str(store.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while process.stdout.readline() != b"20\n":
            pass
        process.send_signal(signal.SIGKILL)
    days = [SloHistory(store).days(slo, MIDNIGHT, MIDNIGHT + 3000 * 24 * HOUR) for slo in ("one", "two", "three")]
    assert 21 <= len(days[0]) < 2000
    assert {tuple(day.day for day in some) for some in days} == {tuple(str(n) for n in range(len(days[0])))}
