"""The exporters' own process: what it uses, what runs, and whether its settings were re-read. On one page only.

Read from /proc/self directly: prometheus_client's collector opens four files and builds its families anew each time,
which took longer than a whole scrape of Redis may take for everything beside Redis.
"""

from __future__ import annotations

import os
import resource
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import telemetry.own
from exporters.declare import family
from exporters.readings import Readings

BUILD_INFO = family("exporter_build_info", "Always 1; the label says what runs.", "version", source="package metadata")
RELOAD_SUCCESSFUL = family(
    "exporter_config_last_reload_successful",
    "Whether the last attempt to read settings, targets, passwords, users and certificate was successful.",
    source="/-/reload, SIGHUP",
)
RELOAD_SUCCESS_TIME = family(
    "exporter_config_last_reload_success_timestamp_seconds",
    "When settings, targets, passwords, users and certificate were last read without a fault, as a Unix timestamp.",
    source="/-/reload, SIGHUP",
)
CPU = family(
    "process_cpu_seconds_total",
    "Processor time that the exporters themselves used.",
    source="CLOCK_PROCESS_CPUTIME_ID",
    like=("node_exporter",),
)
RESIDENT = family(
    "process_resident_memory_bytes",
    "Memory that the exporters themselves hold.",
    source="/proc/self/statm",
    like=("node_exporter",),
)
VIRTUAL = family(
    "process_virtual_memory_bytes", "Their virtual memory.", source="/proc/self/statm", like=("node_exporter",)
)
START_TIME = family(
    "process_start_time_seconds",
    "When they started, as a Unix timestamp.",
    source="/proc/self/stat, /proc/stat btime",
    like=("node_exporter",),
)
OPEN_FDS = family("process_open_fds", "Their open file descriptors.", source="/proc/self/fd", like=("node_exporter",))
MAX_FDS = family(
    "process_max_fds",
    "The most file descriptors that they may open.",
    source="RLIMIT_NOFILE",
    like=("node_exporter",),
)

METRICS = (
    BUILD_INFO,
    RELOAD_SUCCESSFUL,
    RELOAD_SUCCESS_TIME,
    CPU,
    RESIDENT,
    VIRTUAL,
    START_TIME,
    OPEN_FDS,
    MAX_FDS,
    *telemetry.own.METRICS,
)

_START_FIELD = 22
"""proc(5) counts a process's start time as its 22nd field."""


def package_version() -> str:
    """Return the installed version of this project."""
    try:
        return version("appointment-sre")
    except PackageNotFoundError:
        return "unknown"


class Process:
    """What is known of this process, and how its last reload went."""

    def __init__(self) -> None:
        self.version = package_version()
        self.reload_successful = True
        self.reload_succeeded_at = time.time()
        self._page_size = os.sysconf("SC_PAGE_SIZE")
        self._started_at = _start_time()
        self._statm = _opened("/proc/self/statm")

    def write(self, readings: Readings) -> None:
        """Write all that is known; what this system does not tell is absent."""
        readings.add(BUILD_INFO, 1, self.version)
        readings.add(RELOAD_SUCCESSFUL, int(self.reload_successful))
        readings.add(RELOAD_SUCCESS_TIME, self.reload_succeeded_at)
        readings.add(CPU, time.process_time())
        readings.add(MAX_FDS, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        if self._started_at is not None:
            readings.add(START_TIME, self._started_at)
        if self._statm is not None:
            virtual, resident, *_ = os.pread(self._statm, 256, 0).split()
            readings.add(VIRTUAL, int(virtual) * self._page_size)
            readings.add(RESIDENT, int(resident) * self._page_size)
            readings.add(OPEN_FDS, _open_fds())
        for tally in telemetry.own.TALLIES:
            rows = tally.rows()
            readings.extend(tally.metric, [labels for labels, _ in rows], [value for _, value in rows])


def _open_fds() -> int:
    # Linux tells the number as the directory's size from 6.2 on; before, they are to be counted, and one of those that
    # are listed is the listing's own.
    return os.stat("/proc/self/fd").st_size or len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH116, PTH208  # half the time


def _opened(path: str) -> int | None:
    """Open what is read at each scrape once, for as long as the process lives."""
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def _start_time() -> float | None:
    try:
        # The program's name stands in brackets and may hold anything, brackets too.
        after_name = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        booted = next(line for line in Path("/proc/stat").read_bytes().splitlines() if line.startswith(b"btime"))
    except OSError:
        return None
    return int(booted.split()[1]) + int(after_name[_START_FIELD - 3]) / os.sysconf("SC_CLK_TCK")
