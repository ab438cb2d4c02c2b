"""A deadline may be extended, within its limit; a guard moves with it and never opens again."""

from __future__ import annotations

import asyncio
import time

import pytest

from exporters.collector import Deadline

pytestmark = pytest.mark.usefixtures("steady_time")


@pytest.mark.parametrize(("limit", "seconds"), [(None, 0.35), (0.2, 0.2)])
async def test_a_guard_moves_with_the_deadline_but_never_past_its_limit(limit: float | None, seconds: float) -> None:
    deadline, started = Deadline(0.1, most=30), time.monotonic()
    asyncio.get_running_loop().call_later(0.02, deadline.extend, started + 0.4)
    with pytest.raises(TimeoutError):
        async with deadline.guard(spare=0.05, limit=limit):
            await asyncio.sleep(30)
    assert seconds - 0.01 <= time.monotonic() - started < seconds + 0.3


async def test_a_deadline_is_never_shortened_and_extended_no_further_than_it_may_be() -> None:
    deadline = Deadline(5, most=10)
    deadline.extend(time.monotonic() + 1)
    assert deadline.remaining() == pytest.approx(5, abs=0.5)
    deadline.extend(time.monotonic() + 100)
    assert deadline.remaining() == pytest.approx(10, abs=0.5)
    assert deadline.at_most(spare=1) == pytest.approx(9, abs=0.5)
    fixed = Deadline(5)
    fixed.extend(time.monotonic() + 100)
    assert fixed.remaining() == pytest.approx(5, abs=0.5)
    assert fixed.at_most() == pytest.approx(5, abs=0.5)


async def test_a_guard_that_has_closed_stays_closed() -> None:
    deadline = Deadline(0.05, most=30)

    async def too_late() -> None:
        async with deadline.guard():
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                deadline.extend(time.monotonic() + 30)
                raise

    with pytest.raises(TimeoutError):
        await too_late()
