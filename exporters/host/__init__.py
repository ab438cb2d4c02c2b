"""The host: processors, memory, disks, network, pressure, clock and file systems, from /proc and /sys."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import ClassVar, Self

from exporters.collector import CollectError, Deadline
from exporters.host import families as f
from exporters.host import network, network_families, proc
from exporters.host.clock import Clock
from exporters.host.files import Files
from exporters.host.filesystems import Filesystems
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings
from exporters.sources import Sources
from telemetry.metric import Metric


class HostCollector:
    """Reads one /proc and one /sys, which may be another host's, mounted or recorded."""

    name: ClassVar[str] = "host"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = (*f.METRICS, *network_families.METRICS)

    def __init__(self, procfs: Path, sysfs: Path, rootfs: Path) -> None:
        self._proc = Files(procfs)
        self._sys = Files(sysfs)
        # The first process's network is the host's, also where ours is a container's own.
        net = "1/net" if os.access(procfs / "1" / "net" / "dev", os.R_OK) else "net"
        self._parsers = proc.system_files() | network.files(net)
        self._links = network.Links(self._sys)
        self._clock = Clock()
        self._filesystems = Filesystems(rootfs)

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Every machine has something to read."""
        del settings
        return None  # "nothing is missing" is an answer

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Read where the settings say that /proc, /sys and the root are."""
        settings = sources.settings
        return cls(settings.procfs, settings.sysfs, settings.rootfs)

    async def start(self) -> None:
        """Nothing runs between scrapes."""

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Read every file, then ask every mount."""
        faults = list(proc.write(self._proc, self._parsers, readings))
        if not readings.series[f.CPU.name][0]:
            raise CollectError(_reason(faults[0]) if faults else Reason.MALFORMED)
        readings.add(f.TIME, time.time())
        self._clock.write(readings)
        for write in (self._links.write, self._uname):
            try:
                write(readings)
            except (OSError, ValueError) as error:
                faults.append(error)
        try:
            found = self._filesystems.mounts(self._proc)
        except OSError as error:
            faults.append(error)
            found = ()
        readings.partial += [_reason(error) for error in faults]
        await self._filesystems.write(found, readings, deadline)

    def lost(self, readings: Readings, reason: Reason) -> None:
        """There is nothing to say about a host that cannot be read."""

    async def close(self) -> None:
        """Close the files that were kept open."""
        self._proc.close()
        self._sys.close()
        self._filesystems.crew.close()

    def _uname(self, readings: Readings) -> None:
        proc.uname(self._proc, readings)


def _reason(error: Exception) -> Reason:
    if isinstance(error, PermissionError):
        return Reason.DENIED
    return Reason.ERROR if isinstance(error, OSError) else Reason.MALFORMED
