"""Sealed days and corrections are only ever added to."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import clock
from monitor.store import Store
from monitor.store_history import Correction, Part, SealedDay, SloHistory, Stretch, standing

START = clock.from_rfc3339("2026-11-21T23:00:00Z")
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.migrate(tmp_path / "state" / "monitor.db")


def a_day(number: int = 0, *, slo: str = "answers", failed: float = 3.0, reason: str = "the day is over") -> SealedDay:
    start = START + number * DAY
    middle = start + DAY / 2
    return SealedDay(
        slo=slo,
        day=f"{start + timedelta(hours=1):%Y-%m-%d}",
        start=start,
        end=start + DAY,
        stretches=(
            Stretch(start=start, end=middle, state="measured", total=1000.5, failed=failed),
            Stretch(start=middle, end=middle + DAY / 4, state="dark", missed=500.0),
            Stretch(start=middle + DAY / 4, end=start + DAY, state="unknown"),
        ),
        objective=0.99,
        sli="bad: b; total: t",
        sealed_at=START + 3 * DAY,
        reason=reason,
    )


def a_correction(**changes: object) -> Correction:
    values: dict[str, object] = {
        "id": "c1",
        "slo": "answers",
        "at": START + 2 * DAY,
        "start": START,
        "end": START + DAY / 2,
        "reason": "new switch",
        "by": "ada",
        "approved_by": "grace",
        "parts": (Part(start=START, end=START + DAY / 2, total=10.0, bad=None),),
    }
    return Correction(**(values | changes))  # type: ignore[arg-type]  # a test's shorthand


def test_a_sealed_day_comes_back_as_it_was_told(store: Store) -> None:
    history = SloHistory(store)
    assert history.seal([a_day()]) == 1
    (found,) = history.days("answers", START, START + DAY)
    assert found == a_day()
    assert (found.total_events, found.bad_events, found.good_events) == (1500.5, 503.0, 997.5)
    assert found.covered == DAY * 3 / 4
    assert history.sealed_until("answers") == START + DAY
    assert history.sealed_until("other") is None


def test_sealing_again_changes_nothing_unless_it_is_asked_for_and_the_figures_differ(store: Store) -> None:
    history = SloHistory(store)
    history.seal([a_day()])
    assert history.seal([a_day(failed=9)]) == 0
    assert history.seal([a_day(reason="again")], again=True) == 0
    assert history.seal([a_day(failed=9, reason="the disk was full")], again=True) == 1
    first, second = history.versions("answers", START)
    assert (first.version, first.bad_events, first.reason) == (1, 503.0, "the day is over")
    assert (second.version, second.bad_events, second.reason) == (2, 509.0, "the disk was full")
    assert history.days("answers", START, START + DAY) == (second,)


def test_only_days_that_lie_wholly_in_a_span_are_told(store: Store) -> None:
    SloHistory(store).seal([a_day(0), a_day(1), a_day(2), a_day(1, slo="other")])
    found = SloHistory(store).days("answers", START + timedelta(seconds=1), START + 3 * DAY)
    assert [day.start for day in found] == [START + DAY, START + 2 * DAY]


def test_days_of_another_zone_never_overlap_those_that_are_sealed(store: Store) -> None:
    history = SloHistory(store)
    history.seal([a_day()])
    moved = replace(a_day(), start=START + timedelta(hours=1), end=START + DAY + timedelta(hours=1))
    assert history.seal([moved]) == 0
    assert history.seal([a_day(1), a_day(-1)]) == 2


def test_a_day_is_added_with_all_its_slos_or_not_at_all(store: Store) -> None:
    broken = replace(a_day(slo="broken"), reason=None)  # type: ignore[arg-type]  # what the database refuses
    with pytest.raises(sqlite3.IntegrityError):
        SloHistory(store).seal([a_day(), broken])
    assert SloHistory(store).days("answers", START, START + DAY) == ()


@pytest.mark.parametrize("statement", ["DELETE FROM slo_days", "UPDATE slo_days SET reason = ''"])
def test_nobody_changes_or_deletes_a_sealed_day(store: Store, statement: str) -> None:
    SloHistory(store).seal([a_day()])
    with pytest.raises(sqlite3.IntegrityError, match="never"), store.transaction() as connection:
        connection.execute(statement)
    assert len(SloHistory(store).days("answers", START, START + DAY)) == 1


@pytest.mark.parametrize("statement", ["DELETE FROM slo_corrections", "UPDATE slo_corrections SET body = ''"])
def test_nobody_changes_or_deletes_a_correction(store: Store, statement: str) -> None:
    SloHistory(store).correct(a_correction())
    with pytest.raises(sqlite3.IntegrityError, match="never"), store.transaction() as connection:
        connection.execute(statement)


def test_upkeep_leaves_both_alone_for_six_years(store: Store) -> None:
    SloHistory(store).seal([a_day()])
    SloHistory(store).correct(a_correction())
    store.prune(START + 6 * 366 * DAY)
    assert len(SloHistory(store).days("answers", START, START + DAY)) == 1
    assert len(SloHistory(store).corrections()) == 1


def test_a_correction_holds_until_another_record_withdraws_it(store: Store) -> None:
    history = SloHistory(store)
    history.correct(a_correction())
    history.correct(a_correction(id="c2", slo="other"))
    assert history.corrections("answers") == (a_correction(),)
    history.correct(a_correction(id="w1", at=START + 3 * DAY, withdraws="c1", parts=()))
    assert [record.id for record in history.corrections()] == ["c1", "c2", "w1"]
    assert [record.id for record in standing(history.corrections())] == ["c2"]


def test_a_store_of_an_older_version_is_brought_up_to_date(store: Store) -> None:
    store.put("job", "one", {}, at=START)
    with store.transaction() as connection:
        for table in ("slo_days", "slo_corrections", "alert_actions"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 2")
    with Store.migrate(store.path) as again:
        assert SloHistory(again).seal([a_day()]) == 1
        assert [record.id for record in again.records("job")] == ["one"]
