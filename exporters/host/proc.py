"""Reads /proc. Its files never touch a disk, so they are read where they are needed; any recorded tree will do."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from exporters.host import families as f
from exporters.readings import Readings

_TICKS = os.sysconf("SC_CLK_TCK")
_PARTITIONS = re.compile(r"(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")
"""Parts of devices that are counted whole already (node_exporter's default)."""
_DISK_COLUMNS = 14
_NETWORK_COLUMNS = 16
_KIBI = 1024


def _stat(text: str, readings: Readings) -> None:
    for line in text.splitlines():
        name, *numbers = line.split()
        if name in f.STAT:
            readings.add(f.STAT[name], int(numbers[0]))
        elif name.startswith("cpu") and name != "cpu":
            for mode, ticks in zip(f.CPU_MODES, numbers, strict=False):
                readings.add(f.CPU, int(ticks) / _TICKS, name[3:], mode)


def _loadavg(text: str, readings: Readings) -> None:
    for metric, value in zip(f.LOAD, text.split(), strict=False):
        readings.add(metric, float(value))


def _meminfo(text: str, readings: Readings) -> None:
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name in f.MEMORY:
            readings.add(f.MEMORY[name], int(rest.split()[0]) * _KIBI)


def _vmstat(text: str, readings: Readings) -> None:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in f.VMSTAT:
            readings.add(f.VMSTAT[name], int(value))


def _diskstats(text: str, readings: Readings) -> None:
    for line in text.splitlines():
        columns = line.split()
        if len(columns) < _DISK_COLUMNS or _PARTITIONS.fullmatch(columns[2]):
            continue
        for column, scale, metric in f.DISK:
            value = int(columns[column])
            readings.add(metric, value if scale == 1 else value * scale, columns[2])


def _net_dev(text: str, readings: Readings) -> None:
    for line in text.splitlines():
        device, colon, rest = line.partition(":")
        columns = rest.split()
        if colon and len(columns) >= _NETWORK_COLUMNS:
            for column, metric in f.NETWORK:
                readings.add(metric, int(columns[column]), device.strip())


def _file_nr(text: str, readings: Readings) -> None:
    allocated, _, maximum = text.split()
    readings.add(f.FILEFD[0], int(allocated))
    readings.add(f.FILEFD[1], int(maximum))


def _pressure(resource: str) -> Callable[[str, Readings], None]:
    def write(text: str, readings: Readings) -> None:
        for line in text.splitlines():
            share, *pairs = line.split()
            if metric := f.PRESSURE.get((resource, share)):
                fields = dict(pair.partition("=")[::2] for pair in pairs)
                readings.add(metric, int(fields["total"]) / 1e6)

    return write


FILES: dict[str, Callable[[str, Readings], None]] = {
    "stat": _stat,
    "loadavg": _loadavg,
    "meminfo": _meminfo,
    "vmstat": _vmstat,
    "diskstats": _diskstats,
    "net/dev": _net_dev,
    "sys/fs/file-nr": _file_nr,
    "pressure/cpu": _pressure("cpu"),
    "pressure/memory": _pressure("memory"),
    "pressure/io": _pressure("io"),
}
"""Which file feeds which families."""


def write(root: Path, readings: Readings) -> Iterator[Exception]:
    """Write what each file says; yield what went wrong with one, and go on with the next.

    A file that is not there belongs to a feature that this kernel lacks: its families are left out.
    """
    for name, parse in FILES.items():
        try:
            text = (root / name).read_text(encoding="ascii", errors="replace")
            parse(text, readings)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, LookupError) as error:
            # Pressure files exist but refuse to be read where the kernel was told to keep quiet about it.
            yield error
