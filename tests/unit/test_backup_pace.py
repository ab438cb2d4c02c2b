"""A backup reads calmly, unless it would then outlive its snapshot; and its helpers let others go first."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from monitor.backup.pace import CALM_BYTES_PER_SECOND, NICENESS, pace, step_back


@pytest.mark.parametrize(
    ("total", "expected"), [(0, CALM_BYTES_PER_SECOND), (10**9, CALM_BYTES_PER_SECOND), (15 * 10**9, 100e6)]
)
def test_large_databases_are_read_faster(total: int, expected: float) -> None:
    assert pace(total) == expected


def test_only_the_thread_itself_steps_back() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = niceness()
    with ThreadPoolExecutor(max_workers=1, initializer=step_back) as pool:
        assert pool.submit(niceness).result() == max(NICENESS, before)

    def further_back() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
        step_back()

    with ThreadPoolExecutor(max_workers=1, initializer=further_back) as pool:
        assert pool.submit(niceness).result() == 15
    assert niceness() == before
