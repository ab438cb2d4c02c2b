"""A real Prometheus on one processor that scrapes what a thousand SLOs read, and evaluates all of their rules."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from benchmarks.slo_scale.catalogue import Made

SCRAPED_EVERY = 15
PATIENCE = 600
"""Seconds within which Prometheus starts, answers or ends, thousands of rule files and all, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What Prometheus says of itself after a while."""

    version: str
    groups: int
    rules: int
    waiting: int
    """Groups whose first evaluation is still to come; each of their rules was asked once instead."""
    broken: tuple[str, ...]
    """What went wrong: the rule, and Prometheus's words."""
    failures: int
    missed: int
    busy: float
    """Which share of one processor evaluating takes: each group's time over its interval, added up."""
    cpu: float
    """Which share of one processor the whole server took."""


def version(binary: str) -> str:
    """The version of ``prometheus`` or ``promtool``."""
    done = subprocess.run([_found(binary), "--version"], capture_output=True, text=True, check=True)
    return (done.stdout or done.stderr).split()[2]


def accepted(files: Sequence[Path]) -> str:
    """What ``promtool check rules`` has against files; nothing where it accepts them."""
    done = subprocess.run([_found("promtool"), "check", "rules", *files], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or f"promtool ended with {done.returncode}"


def evaluated(rules: Path, made: Sequence[Made], place: Path, seconds: int) -> Evaluated:
    """Run Prometheus for a while over these rules and what their SLOs read."""
    with _exposed(made) as target, _prometheus(place, rules, target) as url:
        time.sleep(seconds)  # what is measured is this time
        groups = _get(url, "rules")["groups"]
        waiting = [group for group in groups if any(rule["health"] == "unknown" for rule in group["rules"])]
        broken = [
            f"{rule['name']}: {rule['lastError']}"
            for group in groups
            for rule in group["rules"]
            if rule.get("lastError")
        ]
        rules_waiting = [rule for group in waiting for rule in group["rules"]]
        broken += [f"{rule['name']}: {said}" for rule in rules_waiting if (said := _refused(url, rule["query"]))]
        return Evaluated(
            version=_get(url, "status/buildinfo")["version"],
            groups=len(groups),
            rules=sum(len(group["rules"]) for group in groups),
            waiting=len(waiting),
            broken=tuple(broken),
            failures=int(_own(url, "prometheus_rule_evaluation_failures_total")),
            missed=int(_own(url, "prometheus_rule_group_iterations_missed_total")),
            busy=sum(group["evaluationTime"] / group["interval"] for group in groups),
            cpu=_own(url, "process_cpu_seconds_total") / seconds,
        )


@contextmanager
def _exposed(made: Sequence[Made]) -> Iterator[str]:
    """Serve all series; counters gain by the clock, each at a pace of its own."""
    counters = list(dict.fromkeys(series for one in made for series in one.shape.counters))
    gauges = list(dict.fromkeys(series for one in made for series in one.shape.gauges))
    began = time.monotonic()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            elapsed = int(time.monotonic() - began)
            lines = [f"{series} {(index % 90 + 10) * elapsed}" for index, series in enumerate(counters)]
            body = "\n".join([*lines, *(f"{series} 1" for series in gauges), ""]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: Any) -> None:  # noqa: A002  # its name in the standard library
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def _prometheus(place: Path, rules: Path, target: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    every = f"{SCRAPED_EVERY}s"
    config = {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [f"{rules}/*.yml"],
        "scrape_configs": [{"job_name": "services", "static_configs": [{"targets": [target]}]}],
    }
    (place / "prometheus.yml").write_text(json.dumps(config))
    options = (
        f"--config.file={place / 'prometheus.yml'}",
        f"--storage.tsdb.path={place / 'data'}",
        f"--web.listen-address={address}",
    )
    with (place / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [_found("prometheus"), *options], stdout=log, stderr=log, env=os.environ | {"GOMAXPROCS": "1"}
        )
    try:
        _wait(f"http://{address}", process, place / "prometheus.log")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
        shutil.rmtree(place / "data", ignore_errors=True)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/-/ready", timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    sys.exit(f"Prometheus did not start:\n{log.read_text()[-2000:]}")


def _get(url: str, what: str, **params: str) -> Any:
    answer = requests.get(f"{url}/api/v1/{what}", params=params, timeout=PATIENCE)
    answer.raise_for_status()
    return answer.json()["data"]


def _refused(url: str, query: str) -> str:
    answer = requests.post(f"{url}/api/v1/query", data={"query": query}, timeout=PATIENCE)
    return "" if answer.ok else answer.text


def _own(url: str, metric: str) -> float:
    """One of Prometheus's own counters, as its page has it, all labels together."""
    page = requests.get(f"{url}/metrics", timeout=PATIENCE).text
    found = (line.rpartition(" ") for line in page.splitlines() if line.startswith((f"{metric} ", f"{metric}{{")))
    return sum(float(value) for _, _, value in found)


def _found(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not installed: the Debian package prometheus has it")
    return found
