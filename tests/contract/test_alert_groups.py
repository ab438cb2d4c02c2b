"""A real Alertmanager with the generated routes: whatever says that a service's users suffer is one page that grows."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from monitor import clock
from monitor.catalogue.load import load
from monitor.render import outputs
from tests.contract.history import _binary

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
        deadline = time.monotonic() + 20
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


@pytest.fixture
def pager(tmp_path: Path) -> Iterator[tuple[Pager, str]]:
    """A pager, and the address of the Alertmanager that notifies it."""
    found = Pager()
    with listening(found) as hook, socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
        overrides = {"webhook_url": hook, "group_wait": "2s", "group_interval": "1s"}
        free.close()
        text = outputs(load(None, "local", environment_overrides=overrides))["rules/alertmanager.yml"]
        (tmp_path / "alertmanager.yml").write_text(text, encoding="utf-8")
        command = [
            _binary("prometheus-alertmanager"),
            f"--config.file={tmp_path / 'alertmanager.yml'}",
            f"--storage.path={tmp_path / 'data'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ]
        with (
            (tmp_path / "alertmanager.log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log) as process,
        ):
            try:
                yield found, f"http://{address}"
            finally:
                process.terminate()


def fire(url: str, *alerts: tuple[str, str], service: str = "appointments") -> None:
    """Tell Alertmanager that alerts fire, each with its SLO if any, as Prometheus would go on telling it."""
    body = [
        {
            "labels": {"alertname": name, "slo": slo, "slo_service": service, "severity": "critical", "team": "sre"},
            "startsAt": clock.to_rfc3339(clock.now()),
        }
        for name, slo in alerts
    ]
    deadline = time.monotonic() + 20
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
