"""Processes under measurement: starting them, what they cost, and how much memory they hold."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

START_LIMIT = 30.0
_STOP_LIMIT = 15.0
_CPU_OF_PROCESS = 2
"""CPUCLOCK_SCHED: scheduled time in nanoseconds, of all threads, those that ended as well."""


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, to the nanosecond (``/proc`` counts in ticks of 10 ms)."""
    # The kernel's clock id of another process, as clock_getcpuclockid(3) makes it.
    return time.clock_gettime((~pid << 3) | _CPU_OF_PROCESS)


def rss_mb(pid: int) -> float:
    """Return a process's resident memory in MB (1e6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def free_port() -> int:
    """Return a port at which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it listens when the block begins.

    Raises:
        RuntimeError: it ended, or does not listen.
    """
    with log.open("ab") as file:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    try:
        _await_listener(process, port, log)
        yield process
    finally:
        # One that an arm has frozen would never hear that it should end.
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_listener(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends = time.monotonic() + START_LIMIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > ends:
                told = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"{process.args!r} does not listen on {port}; it said:\n{told}") from None
            time.sleep(0.05)
        else:
            return
