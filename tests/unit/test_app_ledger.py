"""The ledger is read as it was written, and a crash costs no more than its last line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import ledger
from app.ledger import Entry, LedgerError, Writer, instant
from app.traffic.client import outcome

START = datetime(2026, 11, 22, 17, 15, tzinfo=UTC)


def entry(seconds: float, **given: object) -> Entry:
    at = instant(START + timedelta(seconds=seconds))
    values = {"at": at, "sent_at": at, "op": "book", "outcome": "ok", "status": 201, "latency_s": 0.1}
    return Entry(**(values | {"backend": "bookings", "appointment": "a1", "key": "k1"} | given))  # type: ignore[arg-type]  # a table of values


def write(directory: Path, *rows: Entry, started: datetime = START) -> Path:
    writer = Writer(directory, started)
    for row in rows:
        writer.write(row)
    writer.close()
    return writer.path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    rows = [entry(0), entry(1, outcome="unknown", status=None, appointment=None, error="timeout")]
    path = write(tmp_path / "ledger", *rows)
    assert path.name.startswith("20261122T171500Z-")
    assert list(ledger.entries(tmp_path / "ledger")) == rows


def test_a_missing_answer_is_written_as_null_under_the_documented_name(tmp_path: Path) -> None:
    path = write(tmp_path, entry(1, outcome="unknown", status=None, appointment=None, error="timeout"))
    assert '"status":null' in path.read_text()
    assert '"class":"timeout"' in path.read_text()


def test_only_confirmed_bookings_are_acknowledged(tmp_path: Path) -> None:
    write(
        tmp_path,
        entry(0, appointment="booked"),
        entry(1, appointment=None, outcome="unknown", status=None),
        entry(2, appointment=None, status=409),
        entry(3, appointment="cancelled", op="cancel", status=200, backend="api"),
    )
    assert ledger.acknowledged(tmp_path) == {"booked"}


def test_outcomes_are_counted_within_a_period_by_when_they_were_known(tmp_path: Path) -> None:
    write(tmp_path, entry(0), entry(10, outcome="fail", status=503), entry(20, op="list", backend="api"))
    counted = ledger.outcomes(tmp_path, START + timedelta(seconds=10), START + timedelta(seconds=20))
    assert counted == {("bookings", "fail"): 1}


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, entry(0), entry(1))
    path.write_text(path.read_text()[:-20])
    assert len(list(ledger.entries(tmp_path))) == 1


def test_a_broken_line_in_the_middle_is_told_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, entry(0), entry(1))
    path.write_text("{}\n" + path.read_text())
    with pytest.raises(LedgerError, match=r"\.jsonl:1 "):
        list(ledger.entries(tmp_path))


@pytest.mark.parametrize(
    ("status", "judged"),
    [(200, "ok"), (304, "ok"), (404, "ok"), (409, "ok"), (408, "fail"), (429, "fail"), (500, "fail"), (504, "fail")],
)
def test_outcomes_are_judged_as_the_edge_counts_them(status: int, judged: str) -> None:
    assert outcome(status) == judged
