"""Sealed days and corrections are only ever added to."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor import clock
from monitor.cli import main
from monitor.errors import InputError
from monitor.store import Store
from monitor.store_history import Correction, Part, SealedDay, SloHistory, Stretch, standing
from monitor.store_mark import agrees, mark
from monitor.store_upkeep import prune

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
    prune(store, START + 6 * 366 * DAY)
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
        for table in ("slo_days", "slo_corrections", "alert_actions", "alert_suppressions"):
            connection.execute(f"DROP TABLE {table}")
        for trigger in ("overrides_stay", "overrides_stay_so", "overrides_stay_once"):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("PRAGMA user_version = 2")
    with Store.migrate(store.path) as again:
        assert SloHistory(again).seal([a_day()]) == 1
        assert [record.id for record in again.records("job")] == ["one"]


def test_two_who_correct_the_same_time_at_once_take_it_out_once(tmp_path: Path) -> None:
    path = tmp_path / "state" / "monitor.db"
    ours, theirs = Store.migrate(path), Store.open(path)
    with ours, theirs:
        # Both have looked before either has written, as two commands that count for a minute do.
        SloHistory(ours).correct(a_correction())
        with pytest.raises(InputError, match="correction c1 takes some of that time out already"):
            SloHistory(theirs).correct(a_correction(id="c2", by="carol"))
        SloHistory(theirs).correct(a_correction(id="w1", withdraws="c1"))
        with pytest.raises(InputError, match="no correction 'c1' holds"):
            SloHistory(ours).correct(a_correction(id="w2", withdraws="c1"))
        assert [one.id for one in SloHistory(ours).corrections()] == ["c1", "w1"]


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("SELECT * FROM slo_days", "INSERT OR REPLACE INTO slo_days SELECT * FROM slo_days"),
        ("SELECT * FROM slo_corrections", "INSERT OR REPLACE INTO slo_corrections SELECT * FROM slo_corrections"),
    ],
)
def test_a_record_cannot_be_replaced_either(store: Store, read: str, written: str) -> None:
    SloHistory(store).seal([a_day()])
    SloHistory(store).correct(a_correction())
    before = store.rows(read)
    with pytest.raises(sqlite3.IntegrityError, match="never changed"), store.transaction() as connection:
        connection.execute(written)
    assert store.rows(read) == before


@pytest.mark.parametrize(
    "written",
    [
        "DELETE FROM records WHERE kind = 'override'",
        "UPDATE records SET body = '{}' WHERE kind = 'override'",
        "INSERT OR REPLACE INTO records SELECT kind, id, at, '{}' FROM records WHERE kind = 'override'",
    ],
)
def test_who_let_changes_out_stays_as_it_was_told(store: Store, written: str) -> None:
    store.put("override", "o", {"by": "ada"})
    store.put("job", "j", {"job": "backup", "outcome": "passed"})
    with pytest.raises(sqlite3.IntegrityError, match="overrides are never"), store.transaction() as connection:
        connection.execute(written)
    assert [record.body for record in store.records("override")] == [{"by": "ada"}]
    store.put("job", "j", {"job": "backup", "outcome": "failed"})
    assert [record.body["outcome"] for record in store.records("job")] == ["failed"]


def test_whoever_kept_a_mark_can_tell_whether_what_was_told_then_still_is(store: Store) -> None:
    history = SloHistory(store)
    nothing = mark(store)
    history.seal([a_day(), a_day(1)])
    history.correct(a_correction())
    kept = mark(store)
    assert kept.startswith("2-1-")
    history.seal([a_day(2), a_day(failed=9)], again=True)
    history.correct(a_correction(id="w1", withdraws="c1"))
    assert agrees(store, kept)
    assert agrees(store, nothing)
    with store.transaction() as connection:
        connection.execute("DROP TRIGGER slo_days_stay_so")
        connection.execute("UPDATE slo_days SET body = replace(body, '9.0', '0.0')")
    assert agrees(store, kept)  # only what was told after the mark was made
    with store.transaction() as connection:
        connection.execute("UPDATE slo_days SET sealed_at = '2026-11-25T00:00:00Z' WHERE version = 1")
    assert not agrees(store, kept)
    assert agrees(store, nothing)


def test_a_correction_that_was_removed_is_missed(store: Store) -> None:
    SloHistory(store).correct(a_correction())
    kept = mark(store)
    with store.transaction() as connection:
        connection.execute("DROP TRIGGER slo_corrections_stay")
        connection.execute("DELETE FROM slo_corrections")
    assert not agrees(store, kept)


@pytest.mark.parametrize("text", ["", "48", "1-1-xyz", "-1-0-" + "a" * 32, "1-1-" + "A" * 32, "9" * 99])
def test_what_is_no_mark_is_wrong_use(store: Store, text: str) -> None:
    with pytest.raises(InputError, match="is no mark"):
        agrees(store, text)


def test_the_command_lists_every_version_and_checks_marks(store: Store) -> None:
    SloHistory(store).seal([replace(a_day(), slo="availability")])
    SloHistory(store).seal([replace(a_day(failed=9, reason="the disk was full"), slo="availability")], again=True)
    run_dir = store.path.parent.parent

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--run-dir", str(run_dir), "slo", "sealed", *arguments])

    listed = json.loads(run("availability", "--json").stdout)
    assert [(day["version"], day["bad_events"], day["reason"]) for day in listed] == [
        (1, 503.0, "the day is over"),
        (2, 509.0, "the disk was full"),
    ]
    assert "v2  509 bad of 1\u202f500, 75\u202f% measured  (the disk was full; " in run("availability").stdout
    kept = run().stdout.strip()
    assert run("--check", kept).exit_code == 0
    wrong = f"{kept[:-1]}{'0' if kept[-1] != '0' else '1'}"
    assert (run("--check", wrong).exit_code, run("--check", "x").exit_code) == (1, 2)
    assert run("nothing").exit_code == run("availability", "--check", kept).exit_code == 2
