"""The host: processors, memory, disks, network, pressure and file systems, from /proc."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar, Self

from exporters.collector import CollectError, Deadline
from exporters.host import families as f
from exporters.host import proc
from exporters.host.filesystems import Filesystems, mounts
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings
from exporters.sources import Sources
from telemetry.metric import Metric


class HostCollector:
    """Reads one /proc, which may be another host's, mounted or recorded."""

    name: ClassVar[str] = "host"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = f.METRICS

    def __init__(self, procfs: Path, rootfs: Path) -> None:
        self._procfs = procfs
        self._filesystems = Filesystems(rootfs)

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Every machine has something to read."""
        del settings
        return None  # "nothing is missing" is an answer

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Read where the settings say that /proc and the root are."""
        return cls(sources.settings.procfs, sources.settings.rootfs)

    async def start(self) -> None:
        """Nothing runs between scrapes."""

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Read every file, then ask every mount."""
        faults = list(proc.write(self._procfs, readings))
        if not readings.series[f.CPU.name][0]:
            raise CollectError(_reason(faults[0]) if faults else Reason.MALFORMED)
        readings.partial += [_reason(error) for error in faults]
        readings.add(f.TIME, time.time())
        try:
            found = mounts(self._procfs)
        except OSError as error:
            readings.partial.append(_reason(error))
        else:
            await self._filesystems.write(found, readings, deadline)

    def lost(self, readings: Readings, reason: Reason) -> None:
        """There is nothing to say about a host that cannot be read."""

    async def close(self) -> None:
        """Nothing is kept open."""


def _reason(error: Exception) -> Reason:
    if isinstance(error, PermissionError):
        return Reason.DENIED
    return Reason.ERROR if isinstance(error, OSError) else Reason.MALFORMED
