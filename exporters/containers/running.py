"""What /proc knows of a container: when its first process started, and what its interfaces carry."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from exporters.containers import families as f
from exporters.host.files import Files, read_once
from exporters.host.network import devices
from exporters.readings import Readings

_TICKS = os.sysconf("SC_CLK_TCK")
_LOOKED_AT = 64
"""Processes among which the first is looked for."""
_START_FIELD = 19
"""starttime, counted behind the name, which stands in brackets and may hold anything."""
_NOT_ITS_OWN = ("lo", "veth", "docker", "nerdctl")
"""Interfaces that are left out, as in cAdvisor: a container that has these is a host to others."""


class Processes:
    """Reads /proc of the host: its process ids must be those that the control groups name."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._root = files.root

    def disks(self) -> dict[str, str]:
        """Return the names of disks, as devices, by their numbers (``8:0``)."""
        with contextlib.suppress(OSError):
            lines = (line.split(None, 3) for line in self._files.read("diskstats").splitlines())
            return {f"{major}:{minor}": f"/dev/{name}" for major, minor, name, *_ in lines}
        return {}

    def started(self, pids: Iterable[int]) -> int | None:
        """Return when the first of these processes started, as a Unix timestamp."""
        found = []
        for pid in sorted(pids)[:_LOOKED_AT]:
            with contextlib.suppress(OSError, ValueError, LookupError):
                found.append(int(read_once(f"{self._root}{pid}/stat").rpartition(")")[2].split()[_START_FIELD]))
        with contextlib.suppress(OSError, ValueError):
            booted = int(self._files.read("stat").partition("btime ")[2].split("\n", 1)[0])
            return booted + min(found) // _TICKS if found else None
        return None

    def namespace(self, pid: int) -> str | None:
        """Name the network namespace of a process, where we may know it (as the same user, or as root)."""
        with contextlib.suppress(OSError):
            return str(Path(f"{self._root}{pid}/ns/net").readlink())
        return None

    def network(self, pids: Sequence[int], labels: f.Labels, readings: Readings) -> None:
        """Write what the interfaces carry that these processes see."""
        for pid in pids[:3]:
            try:
                text = read_once(f"{self._root}{pid}/net/dev")
            except OSError:  # it ended meanwhile: the next one sees the same
                continue
            for device, columns in devices(text):
                if not device.startswith(_NOT_ITS_OWN):
                    for column, metric in f.NETWORK:
                        readings.add(metric, int(columns[column]), *labels, device)
            return
