"""Finding processes by their environment, and signalling only the very one that was found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

import pytest

from monitor.stack.procfs import MARKER, NAME_MARKER, Process, alive, find_marked, send, start_time

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environ = {**os.environ, MARKER: str(tmp_path), NAME_MARKER: "redis"}
    with subprocess.Popen(SLEEP, env=environ) as process:
        yield process
        process.kill()


def test_a_process_is_found_by_its_run_directory(marked: subprocess.Popen[bytes], tmp_path: Path) -> None:
    found = find_marked(tmp_path)
    assert [(process.pid, process.name) for process in found] == [(marked.pid, "redis")]


def test_a_process_of_another_run_directory_is_a_stranger(marked: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert find_marked(tmp_path.parent) == ()
    assert find_marked(Path(f"{tmp_path}-2")) == ()


def test_what_is_dead_but_not_reaped_counts_as_gone(marked: subprocess.Popen[bytes], tmp_path: Path) -> None:
    process = find_marked(tmp_path)[0]
    marked.kill()
    os.waitid(os.P_PID, marked.pid, os.WEXITED | os.WNOWAIT)
    assert not alive(process)
    assert find_marked(tmp_path) == ()


def test_a_later_process_with_the_same_pid_gets_no_signal(marked: subprocess.Popen[bytes]) -> None:
    started = start_time(marked.pid)
    assert started is not None
    send(Process(pid=marked.pid, started=started - 1, name="redis"), SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        marked.wait(0.2)
    send(Process(pid=marked.pid, started=started, name="redis"), SIGTERM)
    assert marked.wait(5) == -SIGTERM


def test_a_process_that_is_gone_gets_no_signal_and_no_error() -> None:
    send(Process(pid=2**22 - 7, started=1, name="nobody"), SIGTERM)
