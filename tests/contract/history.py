"""A real Prometheus whose past is written by the test: samples go in as OpenMetrics, through promtool."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from monitor.errors import Unavailable
from monitor.sources.prometheus import Prometheus
from telemetry.webconfig import hash_password
from tests.ports import free_port


@dataclass
class History:
    """Series to come: ``add`` each, then ``serve`` them."""

    lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, labels: Mapping[str, str], points: Iterable[tuple[datetime, float]]) -> None:
        inner = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        rows = (f"{name}{{{inner}}} {value!r} {at.timestamp():.3f}" for at, value in points)
        self.lines.setdefault(name, []).extend(rows)

    def texts(self) -> Iterator[str]:
        """One text for each day of UTC: promtool reads its whole input anew for every two hours of it."""
        by_day: dict[int, dict[str, list[str]]] = {}
        for name, rows in sorted(self.lines.items()):
            for row in rows:
                day = int(float(row[row.rindex(" ") :]) // 86_400)
                by_day.setdefault(day, {}).setdefault(name, []).append(row)
        for day in sorted(by_day):
            parts = [f"# TYPE {name} unknown\n" + "\n".join(rows) for name, rows in by_day[day].items()]
            yield "\n".join(parts) + "\n# EOF\n"


@contextmanager
def serve(
    history: History,
    directory: Path,
    *,
    rules: str = "",
    login: tuple[bytes, bytes] | None = None,
    also: Sequence[Path] = (),
    flags: Sequence[str] = (),
) -> Iterator[Prometheus]:
    """Start a Prometheus on a free port over exactly this history; it is stopped at the end.

    ``login`` is what it asks of everybody; ``also`` are OpenMetrics files to be loaded as well; ``flags`` are added.
    """
    server = _binary("prometheus")
    data = directory / "data"
    for text in history.texts():
        (directory / "history.om").write_text(text, encoding="utf-8")
        load_blocks(directory / "history.om", data)
    for file in also:
        load_blocks(file, data)
    (directory / "rules.yml").write_text(rules or "groups: []\n", encoding="utf-8")
    config = "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
    (directory / "prometheus.yml").write_text(config, encoding="utf-8")
    port = free_port()
    command = [
        server,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address=127.0.0.1:{port}",
        *asking(login, directory),
        *flags,
    ]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with Prometheus(f"http://127.0.0.1:{port}", login=login) as client:
            _wait(client)
            yield client
    finally:
        process.kill()
        process.wait()


def load_blocks(file: Path, data: Path) -> None:
    """Load a file as its documentation says."""
    command = [_binary("promtool"), "tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics", "-q"]
    subprocess.run([*command, str(file), str(data)], check=True, capture_output=True)


def asking(login: tuple[bytes, bytes] | None, directory: Path) -> tuple[str, ...]:
    """The flag that lets Prometheus or Alertmanager in nobody else."""
    if login is None:
        return ()
    user, password = (part.decode() for part in login)
    file = directory / "web-config.yml"
    file.write_text(f"basic_auth_users: {{{user}: {hash_password(password, cost=4)}}}\n", encoding="utf-8")
    return (f"--web.config.file={file}",)


def _binary(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed: the Debian package prometheus has it")
    return found


def _wait(client: Prometheus) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            client.instant("vector(1)")
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
