"""The drill's view of the ledger: what was acknowledged, and when nothing was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor import clock
from monitor.drills import ledger
from monitor.errors import InputError

START = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def line(seconds: float, *, sent: float | None = None, **fields: Any) -> str:
    row: dict[str, Any] = {
        "at": clock.to_rfc3339(START + timedelta(seconds=seconds)),
        "sent_at": clock.to_rfc3339(START + timedelta(seconds=seconds if sent is None else sent)),
        "op": "book",
        "outcome": "ok",
        "status": 201,
        "latency_s": 0.01,
        "backend": "bookings",
    }
    return json.dumps(row | fields)


def written(directory: Path, *lines: str, tail: str = "\n") -> Path:
    (directory / "20261122T170000Z-1.jsonl").write_text("\n".join(lines) + tail, encoding="utf-8")
    return directory


def test_only_a_booking_that_was_confirmed_is_acknowledged(tmp_path: Path) -> None:
    rows = (
        line(1, appointment="a"),
        line(2, status=409),
        line(3, outcome="fail", status=503),
        line(4, outcome="unknown", status=None),
        line(5, op="cancel", appointment="a"),
    )
    answers = ledger.read(written(tmp_path, *rows), START)
    assert len(answers) == 5
    assert [answer.appointment for answer in ledger.bookings(answers)] == ["a"]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    written(tmp_path, line(1, appointment="a"), line(2, appointment="b")[:40], tail="")
    assert [answer.appointment for answer in ledger.read(tmp_path, START)] == ["a"]


def test_any_other_line_that_is_no_json_is_said(tmp_path: Path) -> None:
    written(tmp_path, "{", line(2, appointment="b"))
    with pytest.raises(InputError, match=r"20261122T170000Z-1\.jsonl holds a line"):
        ledger.read(tmp_path, START)


def test_no_ledger_is_nothing_answered(tmp_path: Path) -> None:
    assert ledger.read(tmp_path / "none", START) == ()


@pytest.mark.parametrize("block", [50, 173, 4096])
def test_a_long_file_is_read_from_its_end_and_nothing_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(ledger, "BLOCK", block)
    written(tmp_path, *(line(second, appointment=f"a{second}") for second in range(400)))
    found = ledger.read(tmp_path, START + timedelta(seconds=300))
    assert [answer.appointment for answer in found] == [f"a{second}" for second in range(300, 400)]
    assert len(ledger.read(tmp_path, START)) == 400


def test_files_of_several_runs_are_one_ledger(tmp_path: Path) -> None:
    written(tmp_path, line(2, appointment="b"))
    (tmp_path / "20261122T170001Z-2.jsonl").write_text(line(1, appointment="a") + "\n", encoding="utf-8")
    assert [answer.appointment for answer in ledger.read(tmp_path, START)] == ["a", "b"]


def test_one_wish_booked_twice_is_found(tmp_path: Path) -> None:
    rows = (
        line(1, appointment="a", key="k1"),
        line(2, appointment="a", key="k1"),
        line(3, appointment="b", key="k2"),
        line(4, appointment="c", key="k2"),
    )
    assert ledger.doubled(ledger.read(written(tmp_path, *rows), START)) == ("k2",)


def test_the_longest_gap_is_the_one_that_touches_the_outage(tmp_path: Path) -> None:
    seconds = (0, 30, 31, 35, 36)
    told = ledger.bookings(ledger.read(written(tmp_path, *(line(s, appointment=f"a{s}") for s in seconds)), START))
    outage = START + timedelta(seconds=32), START + timedelta(seconds=36)
    assert ledger.longest_gap(told, *outage) == timedelta(seconds=4)
    assert ledger.longest_gap(told[:1], *outage) is None


def test_writes_are_back_with_the_first_booking_that_was_sent_after_the_fault(tmp_path: Path) -> None:
    rows = (line(2.5, sent=0.5, appointment="in flight"), line(3, sent=2, appointment="after"))
    told = ledger.bookings(ledger.read(written(tmp_path, *rows), START))
    first = ledger.first_after(told, START + timedelta(seconds=1))
    assert first is not None
    assert first.appointment == "after"
