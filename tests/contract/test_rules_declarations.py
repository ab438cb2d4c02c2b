"""What is declared by hand for programs of others, held against what those programs really expose."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.ports import free_address

ROOT = Path(__file__).parents[2]
DECLARED = ROOT / "monitor" / "catalogue" / "metrics"
SYNTHESISED = {
    "ALERTS",
    "ALERTS_FOR_STATE",
    "scrape_body_size_bytes",
    "scrape_duration_seconds",
    "scrape_sample_limit",
    "scrape_samples_post_metric_relabeling",
    "scrape_samples_scraped",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "up",
}
"""Made by Prometheus itself about others; not on its page."""
IN_USE_ONLY = {
    "prometheus_notifications_errors_total",
    "prometheus_notifications_latency_seconds_count",
    "prometheus_notifications_sent_total",
    "prometheus_tsdb_head_samples_appended_total",
}
"""On its page once there is an Alertmanager or a target; the dashboards' test asks the running stack for them."""


def declared(producer: str) -> dict[str, dict[str, Any]]:
    data = json.loads((DECLARED / f"{producer}.json").read_text())
    assert data["producer"] == producer
    return {metric["name"]: metric for metric in data["metrics"]}


@contextmanager
def running(command: list[str], environ: dict[str, str] | None = None) -> Iterator[None]:
    program = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin:/usr/bin")
    assert program, f"{command[0]} is not installed: make install"
    process = subprocess.Popen(
        [program, *command[1:]],
        env={**os.environ, **(environ or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def exposed(address: str, wanted: str = "") -> dict[str, tuple[str, set[str]]]:
    """Each family's type and labels, by the name that queries use, from a page that has ``wanted``."""
    found: dict[str, tuple[str, set[str]]] = {}
    for family in text_string_to_metric_families(page_of(address, wanted)):
        for sample in family.samples:
            labels = found.setdefault(sample.name, (family.type, set()))[1]
            labels.update(sample.labels)
    return found


def page_of(address: str, wanted: str) -> str:
    deadline = time.monotonic() + 60
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(f"http://{address}/metrics", timeout=5) as answer:
                page = str(answer.read().decode())
        except OSError:
            page = ""
        if page and wanted in page:
            return page
        assert time.monotonic() < deadline, f"nothing answers at {address}, or not with {wanted}"
        time.sleep(0.2)


NEWER = {"alertmanager_notifications_failed_total": {"reason"}}
"""Labels that are declared for the versions that have them: ``reason`` came with Alertmanager 0.26."""


def assert_exposed(producer: str, page: dict[str, tuple[str, set[str]]]) -> None:
    for name, metric in declared(producer).items():
        if name in SYNTHESISED | IN_USE_ONLY:
            continue
        shown = f"{name}_bucket" if metric["type"] == "histogram" else name
        assert shown in page, f"{producer} does not expose {name}"
        kind, labels = page[shown]
        assert kind == metric["type"], name
        assert set(metric.get("labels", ())) <= labels | NEWER.get(name, set()), name


def test_the_edge_exposes_what_is_declared_for_it() -> None:
    edge, metrics, app = free_address(), free_address(), free_address()
    environ = {"EDGE_BIND": edge, "EDGE_METRICS_BIND": metrics, "APP_1": app, "APP_2": app}
    with running(["haproxy", "-f", str(ROOT / "deploy" / "haproxy.cfg")], environ):
        page = exposed(metrics)

    assert_exposed("haproxy", page)


def test_prometheus_exposes_what_is_declared_for_it(tmp_path: Path) -> None:
    address = free_address()
    # A rule and an Alertmanager, for each has metrics of its own.
    (tmp_path / "rules.yml").write_text("groups: [{name: one, rules: [{record: one, expr: vector(1)}]}]\n")
    (tmp_path / "prometheus.yml").write_text(
        "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
        f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{free_address()}']}}]}}]}}\n"
    )
    command = [
        "prometheus",
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
    ]
    with running(command):
        # An Alertmanager has its metrics from the moment that Prometheus has found it.
        assert_exposed("prometheus", exposed(address, "prometheus_notifications_errors_total{"))


def test_alertmanager_exposes_what_is_declared_for_it(tmp_path: Path) -> None:
    address = free_address()
    name = "prometheus-alertmanager" if shutil.which("prometheus-alertmanager") else "alertmanager"
    command = [
        name,
        f"--config.file={ROOT / 'rules' / 'alertmanager.yml'}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
        # With a cluster, of one: it has metrics of its own.
        f"--cluster.listen-address={free_address()}",
    ]
    with running(command):
        assert_exposed("alertmanager", exposed(address))


@pytest.mark.parametrize("program", ["app", "exporters", "monitor"])
def test_committed_declarations_are_what_the_program_prints(program: str) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", program, "--metrics"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert printed.stdout == (DECLARED / f"{program}.json").read_text(), "out of date: run make generate"
