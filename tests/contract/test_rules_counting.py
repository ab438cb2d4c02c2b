"""The recorded counts against the truth, on a real Prometheus that scrapes a made-up edge: outage, gap and reset."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from monitor import clock
from monitor.catalogue.load import load
from monitor.catalogue.model import Slo
from monitor.compliance.counting import Grid
from monitor.compliance.reading import Reader
from monitor.errors import Unavailable
from monitor.render import outputs, scrape_config
from monitor.slo import names, promql
from monitor.sources.prometheus import Prometheus
from tests.ports import free_address

STEP_S = 1
PACE = 50
"""Answers a second of an edge with steady traffic."""
MISSED = "max(prometheus_rule_group_iterations_missed_total)"


class Edge:
    """What an edge would count; served as a metrics page that can also be broken."""

    def __init__(self) -> None:
        self.good = 500
        self.bad = 0
        self.broken = False
        self.true_bad = 0
        self.true_total = 0

    def answer(self, *, good: int = 0, bad: int = 0) -> None:
        self.good += good
        self.bad += bad
        self.true_bad += bad
        self.true_total += good + bad

    def restart(self) -> None:
        self.good = self.bad = 0

    def page(self) -> str:
        return (
            f'haproxy_backend_http_responses_total{{proxy="api",code="2xx"}} {self.good}\n'
            f'haproxy_backend_http_responses_total{{proxy="api",code="5xx"}} {self.bad}\n'
            'haproxy_backend_responses_denied_total{proxy="api"} 0\n'
        )


@contextmanager
def served(edge: Edge) -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = edge.page().encode()
            self.send_response(500 if edge.broken else 200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class Outside(Edge):
    """What a probe from outside would say of the edge."""

    reached = 1

    def page(self) -> str:
        return f'probe_success{{probe="edge"}} {self.reached}\n'


@contextmanager
def evaluated(target: str, directory: Path, **others: str) -> Iterator[tuple[Prometheus, Slo]]:
    """A Prometheus that scrapes the target and evaluates the availability rules each second; others by their job."""
    server = shutil.which("prometheus")
    assert server, "prometheus is not installed: make install"
    own = free_address()
    overrides = {
        "scrape_interval": f"{STEP_S}s",
        "evaluation_interval": f"{STEP_S}s",
        "rollup_interval": "2s",
        "targets": {
            "edge": [f"edge={target}"],
            "prometheus": [f"prometheus={own}"],
            **{job: [f"{job}={address}"] for job, address in others.items()},
        },
    }
    catalogue = load(None, "local", environment_overrides=overrides)
    slo = catalogue.slo("availability")
    assert slo is not None
    files = outputs(catalogue)
    for kind in ("", "-long"):
        (directory / f"rules{kind}.yml").write_text(files[f"rules/prometheus/slo-availability{kind}.yml"])
    (directory / "prometheus.yml").write_text(scrape_config(catalogue.environment, ["rules*.yml"]))
    command = [
        server,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={own}",
    ]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with Prometheus(f"http://{own}") as prometheus:
            yield prometheus, slo
    finally:
        process.terminate()
        process.wait(20)


def value(prometheus: Prometheus, query: str) -> float | None:
    try:
        samples = prometheus.instant(query)
    except Unavailable:
        return None
    return samples[0].value if samples else None


def wait_for(prometheus: Prometheus, query: str, expected: float, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while value(prometheus, query) != expected:
        assert time.monotonic() < deadline, f"{query} is {value(prometheus, query)}, not {expected}"
        time.sleep(0.2)


def live(edge: Edge) -> None:
    """A short life of an edge: quiet, an outage of two seconds, a gap in scraping, a restart."""
    for _ in range(30):
        edge.answer(good=3)
        time.sleep(0.1)
    for _ in range(20):
        edge.answer(bad=7, good=1)
        time.sleep(0.1)
    edge.broken = True
    for _ in range(30):
        edge.answer(good=2, bad=1)
        time.sleep(0.1)
    edge.broken = False
    time.sleep(3 * STEP_S)  # nothing happens until the last count before the restart has been read
    edge.restart()
    for _ in range(20):
        edge.answer(good=5, bad=1)
        time.sleep(0.1)
    time.sleep(3 * STEP_S)


def test_recorded_counts_are_exact_through_an_outage_a_gap_and_a_restart(tmp_path: Path) -> None:
    for attempt in range(3):
        directory = tmp_path / str(attempt)
        directory.mkdir()
        edge = Edge()
        with served(edge) as target, evaluated(target, directory) as (prometheus, slo):
            wait_for(prometheus, f"count_over_time({promql.series(names.TOTAL_DELTA, slo)}[1m]) > bool 2", 1)
            live(edge)
            if value(prometheus, MISSED):  # this machine was too busy to evaluate each second: steps are missing
                continue
            period = timedelta(minutes=5)
            assert value(prometheus, promql.failed_events(slo, period)) == edge.true_bad
            assert value(prometheus, promql.total_events(slo, period)) == edge.true_total
            window = slo.window.text
            expected = edge.true_bad / edge.true_total
            wait_for(prometheus, promql.series(names.BAD_SUM, slo, window), edge.true_bad)
            wait_for(prometheus, promql.series(names.TOTAL_SUM, slo, window), edge.true_total)
            burn = value(prometheus, promql.series(names.BURN_RATE, slo, window))
            assert burn is not None
            assert burn == pytest.approx(expected / float(1 - slo.target))
            left, measured = (
                value(prometheus, promql.series(name, slo, window)) for name in (names.BUDGET_REMAINING, names.COVERAGE)
            )
            assert left is not None
            assert measured is not None
            assert left == pytest.approx(1 - burn * measured, rel=0.01)
            assert left > 0.9  # eleven seconds of thirty days cannot have spent their budget
            covered = value(prometheus, promql.series(names.COVERAGE, slo, "5m"))
            assert covered is not None
            assert 0 < covered < 0.2
            return
    pytest.fail("this machine was too busy three times to evaluate ten rules each second")


class SteadyEdge(Edge):
    """An edge that answers at a constant pace by the clock, however busy this machine is."""

    def __init__(self) -> None:
        super().__init__()
        self.began = time.monotonic()
        self.shown = 0

    def page(self) -> str:
        self.shown = self.good = round((time.monotonic() - self.began) * PACE)
        return super().page()


def test_darkness_costs_what_failures_at_the_traffic_before_it_would_in_rules_and_report(tmp_path: Path) -> None:
    cell = timedelta(seconds=2 * STEP_S)
    for attempt in range(3):
        directory = tmp_path / str(attempt)
        directory.mkdir()
        edge, outside, start = SteadyEdge(), Outside(), clock.now()
        with (
            served(edge) as target,
            served(outside) as probe,
            evaluated(target, directory, exporters=probe) as (prometheus, slo),
        ):
            wait_for(prometheus, f"count_over_time({promql.series(names.TOTAL_DELTA, slo)}[1m]) >= bool 8", 1)
            usual = value(prometheus, f"avg_over_time({promql.series(names.TOTAL_DELTA, slo)}[1m])")
            assert usual is not None
            assert usual == pytest.approx(PACE * STEP_S, rel=0.3)  # the very first steps have nothing to count from
            edge.broken, outside.reached, went_dark = True, 0, time.monotonic()
            time.sleep(16)
            if value(prometheus, MISSED):
                continue
            failed = value(prometheus, promql.failed_events(slo, timedelta(minutes=5)))
            total = value(prometheus, promql.total_events(slo, timedelta(minutes=5)))
            report = Reader(prometheus, Grid.over(start, clock.now(), cell), timedelta(seconds=STEP_S)).slo(slo)
            dark_for = time.monotonic() - went_dark
            assert failed is not None
            assert total is not None
            # The first sample is where counting starts; what came after the last scrape nobody can know.
            assert 0 < total - failed <= edge.shown
            # A scrape may be late by a step at either end, and so may an evaluation.
            assert failed == pytest.approx(dark_for / STEP_S * usual, abs=3 * usual)
            # The report counts whole cells: one that is dark in part, at either end, is not dark, nor full of traffic.
            dark, seen = sum(report.dark), sum(report.covered) - sum(report.dark)
            assert dark * cell.total_seconds() == pytest.approx(dark_for, abs=2 * cell.total_seconds() + STEP_S)
            assert report.events() - report.failures() == pytest.approx(total - failed, abs=3 * STEP_S * PACE)
            full = PACE * cell.total_seconds()
            assert full * (seen - 2) / seen <= report.failures() / dark <= full * 1.1
            return
    pytest.fail("this machine was too busy three times to evaluate ten rules each second")
