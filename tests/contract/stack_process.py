"""What the tests of the stack share: calling ``monitor`` for real, waiting with a deadline, looking at processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from monitor.stack.layout import HOST, Layout
from monitor.stack.procfs import find_marked, is_free, port_holder

T = TypeVar("T")


def monitor(layout: Layout, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the real command against a stack and return what it said."""
    return subprocess.run(command(layout, *args), capture_output=True, text=True, timeout=90, check=False)


def command(layout: Layout, *args: str) -> list[str]:
    """Return the real command's line."""
    return [sys.executable, "-m", "monitor", "--run-dir", str(layout.run_dir), *args]


def eventually(look: Callable[[], T], *, within_s: float = 60) -> T:
    """Wait until ``look`` returns something true, and return that."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def process_state(pid: int | None) -> str:
    """Return the kernel's letter for what a process does: R, S, T (frozen), Z."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def left_over(layout: Layout) -> list[str]:
    """Say what is left of a stack: processes, and listeners of its databases (the components these tests start)."""
    names = ("mongo-1", "mongo-2", "mongo-3", "redis")
    ports = [layout.port(name) for name in names]
    return [
        *(f"{process.name} (pid {process.pid})" for process in find_marked(layout.run_dir)),
        *(f"port {port} held by {port_holder(port)}" for port in ports if not is_free(HOST, port)),
    ]
