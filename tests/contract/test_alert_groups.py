"""A real Alertmanager with the generated routes: whatever says that a service's users suffer is one page that grows."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from monitor import clock
from monitor.catalogue.load import load
from monitor.render import outputs
from tests.contract.history import _binary
from tests.ports import free_address

Page = tuple[str, tuple[str, ...]]
"""By which key a pager knows it, and the names of the alerts that fire."""


class Pager:
    """Who is notified, by webhook."""

    def __init__(self) -> None:
        self.pages: list[Page] = []

    def take(self, body: dict[str, Any]) -> None:
        firing = sorted(alert["labels"]["alertname"] for alert in body["alerts"] if alert["status"] == "firing")
        self.pages.append((body["groupKey"], tuple(firing)))

    def wait_for(self, many: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.pages) < many:
            assert time.monotonic() < deadline, f"{self.pages} were sent"
            time.sleep(0.1)


@contextmanager
def listening(pager: Pager) -> Iterator[str]:
    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            pager.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def alertmanager(folder: Path, config: str) -> Iterator[str]:
    address = free_address()
    (folder / "alertmanager.yml").write_text(config, encoding="utf-8")
    command = [
        _binary("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (
        (folder / "alertmanager.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            yield f"http://{address}"
        finally:
            process.terminate()


@pytest.fixture
def pager(tmp_path: Path) -> Iterator[tuple[Pager, str]]:
    """A pager, and the address of the Alertmanager that notifies it."""
    found = Pager()
    with listening(found) as hook:
        overrides = {"webhook_url": hook, "group_wait": "2s", "group_interval": "1s"}
        text = outputs(load(None, "local", environment_overrides=overrides))["rules/alertmanager.yml"]
        with alertmanager(tmp_path, text) as url:
            yield found, url


def fire(url: str, *alerts: tuple[str, str], service: str = "appointments", ended: datetime | None = None) -> None:
    """Tell Alertmanager that alerts fire, or ended, each with its SLO if any, as Prometheus would go on telling it."""
    end = {"endsAt": clock.to_rfc3339(ended)} if ended else {}
    body = [
        {
            "labels": {"alertname": name, "slo": slo, "slo_service": service, "severity": "critical", "team": "sre"},
            "startsAt": clock.to_rfc3339(ended or clock.now()),
            **end,
        }
        for name, slo in alerts
    ]
    deadline = time.monotonic() + 60
    while True:
        try:
            requests.post(f"{url}/api/v2/alerts", json=body, timeout=5).raise_for_status()
        except requests.ConnectionError:
            assert time.monotonic() < deadline, "Alertmanager did not start"
            time.sleep(0.1)
        else:
            return


def test_an_incident_that_grows_stays_one_page(pager: tuple[Pager, str]) -> None:
    told, url = pager
    fire(url, ("ErrorBudgetBurnMedium", "availability"))
    told.wait_for(1)
    fire(url, ("ErrorBudgetBurnFast", "availability"))
    told.wait_for(2)
    fire(url, ("ErrorBudgetBurnFast", "booking-success"))
    told.wait_for(3)
    # At long intervals the budget is seen to burn before the edge is seen to have nobody.
    fire(url, ("EdgeHasNoBackend", ""))
    told.wait_for(4)
    assert len({key for key, _ in told.pages}) == 1
    assert told.pages[0][1] == ("ErrorBudgetBurnMedium",)
    assert told.pages[2][1].count("ErrorBudgetBurnFast") == 2
    assert "EdgeHasNoBackend" in told.pages[3][1]


def test_another_service_is_another_page(pager: tuple[Pager, str]) -> None:
    told, url = pager
    fire(url, ("ErrorBudgetBurnFast", "availability"))
    told.wait_for(1)
    fire(url, ("ErrorBudgetBurnFast", "availability"), service="billing")
    told.wait_for(2)
    assert len({key for key, _ in told.pages}) == 2


def test_alerts_that_begin_together_are_one_notification_of_the_faster(pager: tuple[Pager, str]) -> None:
    told, url = pager
    fire(url, ("ErrorBudgetBurnMedium", "availability"), ("ErrorBudgetBurnFast", "availability"))
    told.wait_for(1)
    # When this arrives, whatever else was due has been sent.
    fire(url, ("ErrorBudgetBurnFast", "availability"), service="billing")
    told.wait_for(2)
    assert [alerts for _, alerts in told.pages] == [("ErrorBudgetBurnFast",), ("ErrorBudgetBurnFast",)]


RESEND_S = 3.0
"""Prometheus repeats an end each minute, for a quarter of an hour; here it is quicker, and so are the intervals."""


def test_an_end_is_told_once_only_where_groups_wait_longer_than_it_is_repeated(tmp_path: Path) -> None:
    """What ``ends-repeated`` rests on: which ends were told is known of a group's last message alone."""
    told = Pager()
    with listening(told) as hook:
        intervals = {"short": "1s", "long": f"{RESEND_S + 1:g}s"}
        routes = [
            {"receiver": "r", "matchers": [f'slo_service="{name}"'], "group_interval": interval}
            for name, interval in intervals.items()
        ]
        route = {"receiver": "r", "group_by": ["slo_service"], "group_wait": "0s", "routes": routes}
        receivers = [{"name": "r", "webhook_configs": [{"url": hook}]}]
        with alertmanager(tmp_path, json.dumps({"route": route, "receivers": receivers})) as url:
            for name in intervals:
                fire(url, ("EdgeHasNoBackend", ""), ("EdgeProbeFailed", ""), ("ErrorBudgetBurnFast", ""), service=name)
            told.wait_for(2)
            ended = clock.now()
            for _ in range(3):
                for alert in ("EdgeHasNoBackend", "EdgeProbeFailed"):
                    for name in intervals:
                        fire(url, (alert, ""), service=name, ended=ended)
                    time.sleep(RESEND_S / 2)  # the one is repeated at another moment than the other

    news = {name: sum(f'slo_service="{name}"' in key for key, _ in told.pages) for name in intervals}
    assert news["long"] <= 1 + 2, "the beginning, and each end at most once"
    assert news["short"] > 1 + 2, told.pages
