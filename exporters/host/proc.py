"""What the files of /proc say about processors, memory, disks and the kernel; any recorded tree will do."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping

from exporters.host import families as f
from exporters.host.files import Files
from exporters.readings import Readings
from telemetry.metric import Metric

Parse = Callable[[str, Readings], None]

_TICKS = os.sysconf("SC_CLK_TCK")
_PARTITIONS = re.compile(r"(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")
"""Parts of devices that are counted whole already (node_exporter's default)."""
_DISK_COLUMNS = 14
_KIBI = 1024
_SMALL_STEP = 3.0
"""Seconds by which idle and iowait may fall without a reason; more than that is a processor that came back."""


class Processors:
    """Reads /proc/stat. Remembers idle and iowait, which the kernel sometimes corrects downwards."""

    def __init__(self) -> None:
        self._highest: dict[tuple[str, str], float] = {}

    def __call__(self, text: str, readings: Readings) -> None:
        """Write what /proc/stat says."""
        for line in text.splitlines():
            name, _, rest = line.partition(" ")
            if metric := f.STAT.get(name):
                readings.add(metric, int(rest.partition(" ")[0]))
            elif name.startswith("cpu") and name != "cpu":
                self._processor(name[3:], rest.split(), readings)

    def _processor(self, cpu: str, numbers: list[str], readings: Readings) -> None:
        for mode, ticks in zip(f.CPU_MODES, numbers, strict=False):
            seconds = int(ticks) / _TICKS
            readings.add(f.CPU, self._rising(cpu, mode, seconds) if mode in {"idle", "iowait"} else seconds, cpu, mode)
        for mode, ticks in zip(f.CPU_GUEST_MODES, numbers[len(f.CPU_MODES) :], strict=False):
            readings.add(f.CPU_GUEST, int(ticks) / _TICKS, cpu, mode)

    def _rising(self, cpu: str, mode: str, seconds: float) -> float:
        """Hold a counter that fell by a little: a rate would take the fall for a restart and jump by hours."""
        highest = self._highest.get((cpu, mode), 0.0)
        if highest - _SMALL_STEP < seconds < highest:
            return highest
        self._highest[cpu, mode] = seconds
        return seconds


def _loadavg(text: str, readings: Readings) -> None:
    columns = text.split()
    for metric, value in zip(f.LOAD, columns, strict=False):
        readings.add(metric, float(value))
    readings.add(f.THREADS, int(columns[len(f.LOAD)].partition("/")[2]))


def _meminfo(text: str, readings: Readings) -> None:
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if metric := f.MEMORY.get(name):
            number, *unit = rest.split()
            readings.add(metric, int(number) * (_KIBI if unit else 1))


def _vmstat(text: str, readings: Readings) -> None:
    words = text.split()
    values = dict(zip(words[::2], words[1::2], strict=True))
    for name, metric in f.VMSTAT.items():
        if name in values:
            readings.add(metric, int(values[name]))


def _diskstats(text: str, readings: Readings) -> None:
    for line in text.splitlines():
        columns = line.split()
        if len(columns) < _DISK_COLUMNS or _PARTITIONS.fullmatch(columns[2]):
            continue
        for column, scale, metric in f.DISK[: _families_of(len(columns))]:
            value = int(columns[column])
            readings.add(metric, value if scale == 1 else value * scale, columns[2])


def _families_of(columns: int) -> int:
    return sum(column < columns for column, _, _ in f.DISK)


def _file_nr(text: str, readings: Readings) -> None:
    allocated, _, maximum = text.split()
    readings.add(f.FILEFD[0], int(allocated))
    readings.add(f.FILEFD[1], int(maximum))


def pressure(families: Mapping[str, Metric], labels: tuple[str, ...] = ()) -> Parse:
    """Make the parser of a pressure file; ``families`` is what ``some`` and ``full`` feed."""

    def write(text: str, readings: Readings) -> None:
        for line in text.splitlines():
            share, _, rest = line.partition(" ")
            if metric := families.get(share):
                readings.add(metric, int(rest.rpartition("total=")[2]) / 1e6, *labels)

    return write


def number(metric: Metric) -> Parse:
    """Make the parser of a file that holds one number."""

    def write(text: str, readings: Readings) -> None:
        readings.add(metric, int(text))

    return write


def system_files() -> dict[str, Parse]:
    """Return which file feeds which families."""
    return {
        "stat": Processors(),
        "loadavg": _loadavg,
        "meminfo": _meminfo,
        "vmstat": _vmstat,
        "diskstats": _diskstats,
        "sys/fs/file-nr": _file_nr,
        "sys/kernel/random/entropy_avail": number(f.ENTROPY),
        **{file: number(metric) for file, metric in f.LIMITS.items()},
        **{
            f"pressure/{resource}": pressure(
                {share: metric for (one, share), metric in f.PRESSURE.items() if one == resource}
            )
            for resource, _ in f.PRESSURE
        },
    }


def write(files: Files, parsers: Mapping[str, Parse], readings: Readings) -> Iterator[Exception]:
    """Write what each file says; yield what went wrong with one, and go on with the next.

    A file that is not there belongs to a feature that this kernel lacks: its families are left out.
    """
    for name, parse in parsers.items():
        try:
            parse(files.read(name), readings)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, LookupError) as error:
            # Pressure files exist but refuse to be read where the kernel was told to keep quiet about it.
            yield error


def uname(files: Files, readings: Readings) -> None:
    """Write which kernel runs.

    Raises:
        OSError: the kernel's names cannot be read.
    """
    found = {label: files.read(file).strip() for label, file in f.UNAME_FILES.items()}
    found["machine"] = os.uname().machine
    readings.add(f.UNAME, 1, *(found[label] for label in f.UNAME.labels))
