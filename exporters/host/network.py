"""What /proc/net and /sys/class/net say about interfaces, connections and the firewall."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from exporters.host import network_families as f
from exporters.host.files import Files
from exporters.host.proc import Parse, number
from exporters.readings import Readings
from telemetry.metric import Metric

PEERS = re.compile(r"(veth|cali|lxc|tap)[0-9a-zA-Z]+(@.+)?")
"""The host's ends of containers' interfaces: hundreds that come and go, and the ``containers`` collector has theirs."""
SPEED_EVERY = 60.0
"""Seconds: asking for a link's speed may take a lock that a busy driver holds."""
_COLUMNS = 16
_CPU_COLUMN = 12
_MEGABIT = 1_000_000 // 8
_PAGE = os.sysconf("SC_PAGE_SIZE")


def devices(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each interface of a ``net/dev`` file with its columns."""
    for line in text.splitlines():
        device, colon, rest = line.partition(":")
        columns = rest.split()
        if colon and len(columns) >= _COLUMNS:
            yield device.strip(), columns


def _net_dev(text: str, readings: Readings) -> None:
    for device, columns in devices(text):
        if not PEERS.fullmatch(device):
            for column, metric in f.DEVICE:
                readings.add(metric, int(columns[column]), device)


def _netstat(text: str, readings: Readings) -> None:
    lines = text.splitlines()
    for header, values in zip(lines[::2], lines[1::2], strict=True):
        if wanted := _wanted(header):
            columns = values.split()
            for column, metric in wanted:
                readings.add(metric, int(columns[column]))


@lru_cache(maxsize=32)
def _wanted(header: str) -> tuple[tuple[int, Metric], ...]:
    """Find our columns in a line of names, which stays the same as long as the kernel does."""
    protocol, *names = header.split()
    families = f.NETSTAT.get(protocol.rstrip(":"), {})
    return tuple((column, families[name]) for column, name in enumerate(names, 1) if name in families)


def _sockstat(text: str, readings: Readings) -> None:
    for line in text.splitlines():
        protocol, _, rest = line.partition(":")
        words = rest.split()
        for field, value in zip(words[::2], words[1::2], strict=True):
            if metric := f.SOCKSTAT.get((protocol, field)):
                readings.add(metric, int(value))
            if field == "mem" and (metric := f.SOCKSTAT_BYTES.get(protocol)):
                readings.add(metric, int(value) * _PAGE)


def _conntrack(text: str, readings: Readings) -> None:
    header, *processors = (line.split() for line in text.splitlines())
    for column, name in enumerate(header):
        if metric := f.CONNTRACK_STAT.get(name):
            readings.add(metric, sum(int(line[column], 16) for line in processors))


def _arp(text: str, readings: Readings) -> None:
    neighbours = Counter(line.split()[-1] for line in text.splitlines()[1:])
    for device, count in neighbours.items():
        if not PEERS.fullmatch(device):
            readings.add(f.ARP, count, device)


def _softnet(text: str, readings: Readings) -> None:
    for line_number, line in enumerate(text.splitlines()):
        columns = line.split()
        # Offline processors have no line, so newer kernels say whose line it is.
        cpu = int(columns[_CPU_COLUMN], 16) if len(columns) > _CPU_COLUMN else line_number
        for column, metric in f.SOFTNET:
            readings.add(metric, int(columns[column], 16), str(cpu))


def files(net: str) -> dict[str, Parse]:
    """Return which file of /proc feeds which families; ``net`` is the folder of the network that is looked at."""
    return {
        f"{net}/dev": _net_dev,
        f"{net}/snmp": _netstat,
        f"{net}/netstat": _netstat,
        f"{net}/sockstat": _sockstat,
        f"{net}/sockstat6": _sockstat,
        f"{net}/stat/nf_conntrack": _conntrack,
        f"{net}/arp": _arp,
        f"{net}/softnet_stat": _softnet,
        **{file: number(metric) for file, metric in f.CONNTRACK.items()},
    }


class Links:
    """Tells of each interface whether it is up and what it can carry, from /sys."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._speeds: dict[str, tuple[float, int | None]] = {}

    def write(self, readings: Readings) -> None:
        """Write of the interfaces that ``readings`` knows already."""
        found = [device for (device,) in readings.series[f.DEVICE[0][1].name][0]]
        for device in found:
            operstate = self._read(device, "operstate")
            if operstate is None:
                continue
            readings.add(f.UP, int(operstate == "up"), device)
            # An interface that was taken down refuses to say.
            if carrier := self._read(device, "carrier"):
                readings.add(f.CARRIER, int(carrier), device)
            if (speed := self._speed(device)) is not None:
                readings.add(f.SPEED, speed * _MEGABIT, device)
        for gone in self._speeds.keys() - set(found):
            del self._speeds[gone]
            self._files.forget(_path(gone, name) for name in ("operstate", "carrier", "speed"))

    def _speed(self, device: str) -> int | None:
        now = time.monotonic()
        read_at, speed = self._speeds.get(device, (-SPEED_EVERY, None))
        if now - read_at >= SPEED_EVERY:
            text = self._read(device, "speed")
            # Virtual interfaces refuse, or say -1.
            speed = int(text) if text and text.isdecimal() else None
            self._speeds[device] = now, speed
        return speed

    def _read(self, device: str, name: str) -> str | None:
        try:
            return self._files.read(_path(device, name)).strip()
        except OSError:
            return None


def _path(device: str, name: str) -> str:
    return f"class/net/{device}/{name}"
