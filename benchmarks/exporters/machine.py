"""Says what was measured where: figures without that are anecdotes."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version as version_of
from pathlib import Path

from benchmarks.exporters.subjects import Peers, version
from monitor.clock import now
from monitor.stack.programs import locate, locate_mongod


def describe(peers: Peers) -> dict[str, str]:
    """Return the machine, the day, and the version of everything that takes part."""
    one, five, _ = os.getloadavg()
    return {
        "measured": f"{now():%Y-%m-%d %H:%M} UTC",
        "processors": f"{os.cpu_count()} x {_processor()}",
        "load before": f"{one:.1f} (1 min), {five:.1f} (5 min)",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "ours": version_of("appointment-sre") + _commit(),
        "Redis": _redis(),
        "MongoDB": _first_number([locate_mongod(), "--version"]),
        **{binary.name: version(binary) for group in (peers.redis, peers.mongodb, peers.node) for binary in group},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _redis() -> str:
    return _told([locate("redis-server"), "--version"]).partition("v=")[2].partition(" ")[0]


def _first_number(command: Sequence[str]) -> str:
    words = _told(command).replace("v", " ").split()
    return next((word for word in words if word[:1].isdigit() and "." in word), "?")


def _commit() -> str:
    told = _told(["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]).strip()
    return f" at {told}" if told else ""


def _told(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except OSError:
        return ""
