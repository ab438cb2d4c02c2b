"""A VictoriaMetrics over samples that it is given, asked by the same query API."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Self

import requests

from benchmarks.slo.recording import Lines
from benchmarks.slo.server import Server, free_address, wait_until

BATCH = 200_000
"""Lines that are sent at once."""


def installed(directory: Path | None = None) -> bool:
    """Whether there is one on this machine."""
    return shutil.which("victoria-metrics", path=directory) is not None


class Victoria(Server):
    """Started once; what it is given is there at once."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Start on a free port and wait until it answers."""
        program = shutil.which("victoria-metrics", path=self._programs)
        if program is None:
            sys.exit("victoria-metrics is not installed: the Debian package of that name has it")
        address = free_address()
        self.url = f"http://{address}"
        command = [
            program,
            f"-storageDataPath={self.data}",
            "-retentionPeriod=10y",
            f"-httpListenAddr={address}",
        ]
        with (self.place / "victoria-metrics.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(f"{self.url}/health", self.place / "victoria-metrics.log")

    def load(self, file: Path) -> None:
        """Import OpenMetrics."""
        with file.open(encoding="utf-8") as lines:
            self._send(_in_milliseconds(line) for line in lines if not line.startswith("#"))

    def take(self, samples: Lines) -> None:
        """Import samples."""
        self._send(f"{metric}{{{labels}}} {value} {round(at * 1000)}\n" for metric, labels, value, at in samples)

    def _send(self, lines: Iterable[str]) -> None:
        rest = iter(lines)
        while batch := "".join(islice(rest, BATCH)):
            requests.post(f"{self.url}/api/v1/import/prometheus", batch.encode(), timeout=120).raise_for_status()
        for task in ("force_flush", "resetRollupResultCache"):
            requests.get(f"{self.url}/internal/{task}", timeout=60).raise_for_status()


def _in_milliseconds(line: str) -> str:
    head, _, at = line.rpartition(" ")
    return f"{head} {round(float(at) * 1000)}\n"
