"""What one container uses, from the files of its control group."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from exporters.containers import families as f
from exporters.host.files import read_once
from exporters.host.proc import pressure
from exporters.readings import Readings
from telemetry.metric import Metric

_UNLIMITED = "max"


def write(folder: str, labels: f.Labels, devices: Mapping[str, str], readings: Readings) -> None:
    """Write the families of one container; ``devices`` are the names of disks by their numbers.

    Raises:
        FileNotFoundError: the container is gone.
        OSError: its group cannot be read.
        ValueError: a file does not say what the kernel would.
    """
    _cpu(_fields(read_once(f"{folder}/cpu.stat")), labels, readings)
    # Only cpu.stat is there whatever is enabled; a controller that is off takes its files with it.
    _cpu_limit(_try(folder, "cpu.max"), labels, readings)
    _memory(folder, labels, readings)
    for name, metric in f.MEMORY_NUMBERS.items():
        if text := _try(folder, name).strip():
            readings.add(metric, 0 if text == _UNLIMITED else int(text), *labels)
    _io(_try(folder, "io.stat"), labels, devices, readings)
    for resource, shares in f.PRESSURE.items():
        pressure(shares, labels)(_try(folder, f"{resource}.pressure"), readings)


def _cpu(values: Mapping[str, int], labels: f.Labels, readings: Readings) -> None:
    for field, metric in f.CPU.items():
        if field in values:
            readings.add(metric, values[field] / 1e6 if field.endswith("_usec") else values[field], *labels)


def _cpu_limit(text: str, labels: f.Labels, readings: Readings) -> None:
    if text:
        quota, period = text.split()
        readings.add(f.CPU_PERIOD, int(period), *labels)
        if quota != _UNLIMITED:
            readings.add(f.CPU_QUOTA, int(quota), *labels)


def _memory(folder: str, labels: f.Labels, readings: Readings) -> None:
    usage, stat = _try(folder, "memory.current"), _fields(_try(folder, "memory.stat"))
    if usage:
        used = int(usage)
        readings.add(f.MEMORY_USAGE, used, *labels)
        readings.add(f.MEMORY_WORKING_SET, max(0, used - stat.get("inactive_file", 0)), *labels)
    _named(f.MEMORY_STAT, stat, labels, readings)
    _named(f.MEMORY_EVENTS, _fields(_try(folder, "memory.events")), labels, readings)


def _named(families: Mapping[str, Metric], values: Mapping[str, int], labels: f.Labels, readings: Readings) -> None:
    for field, metric in families.items():
        if field in values:
            readings.add(metric, values[field], *labels)


def _io(text: str, labels: f.Labels, devices: Mapping[str, str], readings: Readings) -> None:
    for line in text.splitlines():
        device = ""
        for word in line.split():
            field, equals, value = word.partition("=")
            if not equals:
                # Some kernels put devices without figures of their own in front.
                device = devices.get(word, word)
            elif metric := f.IO.get(field):
                readings.add(metric, int(value), *labels, device)


def _fields(text: str) -> dict[str, int]:
    words = text.split()
    return {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True)}


def _try(folder: str, name: str) -> str:
    """Read a file that may not be there, or refuse (pressure, where the kernel was told to keep quiet about it)."""
    with contextlib.suppress(OSError):
        return read_once(f"{folder}/{name}")
    return ""
