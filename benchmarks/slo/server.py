"""A Prometheus over files: filled through promtool, asked with ``stats=all``, which counts what a query touches."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests

from benchmarks.slo.recording import Lines

MOST_POINTS = 10_000
"""A range query may have 11,000."""


@dataclass(frozen=True)
class Answer:
    """One query's answer: its first value, what it touched, and how long it took."""

    value: float | None
    samples: int
    seconds: float


def binary(name: str, directory: Path | None = None) -> str:
    """The program, or an end with one sentence."""
    found = shutil.which(name, path=directory)
    if found is None:
        sys.exit(f"{name} is not installed: the Debian package prometheus has it")
    return found


def free_address() -> str:
    """An address on this machine that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


def wait_until(url: str, log: Path) -> None:
    """Wait until a server answers, or end with one sentence."""
    deadline = time.monotonic() + 60
    while True:
        try:
            requests.get(url, timeout=2).raise_for_status()
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"a server did not start: see {log}")
            time.sleep(0.1)
        else:
            return


class Server:
    """Starts where it is needed, and anew after each import, so that what was imported is there at once."""

    def __init__(self, place: Path, programs: Path | None = None, *flags: str) -> None:
        """``programs``: the directory of another release than the installed one; ``flags``: what to start it with."""
        self.place, self.data, self._programs, self._flags = place, place / "data", programs, flags
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        (place / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def load(self, file: Path) -> None:
        """Import OpenMetrics and start."""
        self.stop()
        command = [
            binary("promtool", self._programs),
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "-q",
            "--max-block-duration=486h",
        ]
        subprocess.run([*command, str(file), str(self.data)], check=True, stdout=subprocess.DEVNULL)
        self.start()

    def take(self, samples: Lines) -> None:
        """Import samples, the metrics one after the other, and start."""
        file, last = self.place / "taken.om", ""
        with file.open("w", encoding="utf-8") as out:
            for metric, labels, value, at in samples:
                out.write(f"# TYPE {metric} unknown\n" if metric != last else "")
                out.write(f"{metric}{{{labels}}} {value} {at}\n")
                last = metric
            out.write("# EOF\n")
        self.load(file)
        file.unlink()

    def start(self) -> None:
        """Start on a free port and wait until it answers."""
        address = free_address()
        self.url = f"http://{address}"
        command = [
            binary("prometheus", self._programs),
            f"--config.file={self.place / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.data}",
            "--storage.tsdb.retention.time=10y",
            # Imported blocks overlap: were they merged, files would be written while queries are timed.
            "--storage.tsdb.max-block-duration=2h",
            f"--web.listen-address={address}",
            *self._flags,
        ]
        with (self.place / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(f"{self.url}/-/ready", self.place / "prometheus.log")

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def ask(self, query: str, at: int) -> Answer:
        """Evaluate at an instant."""
        began = time.monotonic()
        data = self._get("query", {"query": query, "time": at, "stats": "all"})
        took = time.monotonic() - began
        result = data["result"]
        value = float(result[0]["value"][1]) if result else None
        return Answer(
            value=value, samples=data.get("stats", {}).get("samples", {}).get("totalQueryableSamples", 0), seconds=took
        )

    def over(self, query: str, start: int, end: int, step: int) -> Iterator[tuple[int, str]]:
        """Evaluate at each step of a span; an aggregate's only series."""
        for begin in range(start, end + 1, MOST_POINTS * step):
            until = min(begin + (MOST_POINTS - 1) * step, end)
            # VictoriaMetrics moves both ends to where its cache has something, unless it is told not to.
            asked = {"query": query, "start": begin, "end": until, "step": step, "nocache": 1}
            data = self._get("query_range", asked)
            for series in data["result"]:
                yield from ((int(at), value) for at, value in series["values"])

    def _get(self, what: str, params: dict[str, Any]) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{what}", params=params, timeout=120)
        if not answer.ok:
            sys.exit(f"Prometheus refused {params['query'][:200]!r}: {answer.text[:300]}")
        return answer.json()["data"]
