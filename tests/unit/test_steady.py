"""The clock of tests that measure: stalls do not count, waiting and work do."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.steady import LATE, SteadyClock, steady


def test_what_was_taken_from_us_does_not_count_and_what_we_did_does(monkeypatch: pytest.MonkeyPatch) -> None:
    passed, worked = [100.0], [7.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(time, "process_time", lambda: worked[0])
    clock = SteadyClock()

    def after(seconds: float, work: float) -> float:
        before = clock()
        passed[0] += seconds
        worked[0] += work
        return clock() - before

    assert after(0.01, 0) == pytest.approx(0.01), "a moment of waiting"
    assert after(5, 0) == pytest.approx(LATE), "a stall"
    assert after(5, 5) == pytest.approx(5), "work"
    assert after(5, 1) == pytest.approx(1 + LATE), "work, and others' work"


async def test_a_loop_waits_as_long_by_it_as_it_was_told_and_never_shorter() -> None:
    before = time.monotonic()
    with steady(asyncio.get_running_loop()):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.Event().wait()
        assert 0.2 <= time.monotonic() - began < 0.4
    assert time.monotonic() - before >= 0.2
