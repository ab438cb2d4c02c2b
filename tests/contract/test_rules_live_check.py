"""``monitor check --prometheus`` against a real server that scrapes nothing yet, and against none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.catalogue.load import BUNDLED
from monitor.cli import main
from monitor.errors import Unavailable
from monitor.sources.prometheus import Prometheus
from tests.contract.scripted_server import HEAD, server
from tests.ports import free_address


def wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 60
    with Prometheus(url) as prometheus:
        while True:
            try:
                prometheus.instant("vector(1)")
            except Unavailable:
                assert time.monotonic() < deadline, f"nothing answers at {url}"
                time.sleep(0.2)
            else:
                return


def test_metrics_that_a_live_prometheus_does_not_have_are_findings(tmp_path: Path) -> None:
    server = shutil.which("prometheus")
    assert server, "prometheus is not installed: make install"
    address = free_address()
    (tmp_path / "prometheus.yml").write_text("global: {}\n")
    command = [
        server,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_answers(f"http://{address}")
        done = CliRunner().invoke(
            main, ["--run-dir", str(tmp_path), "check", "--json", "--prometheus", f"http://{address}"]
        )
    finally:
        process.terminate()
        process.wait(20)

    assert done.exit_code == 1
    found = json.loads(done.stdout)["findings"]
    missing = {finding["message"] for finding in found if finding["code"] == "missing-series"}
    assert "Prometheus has no series haproxy_backend_http_responses_total now" in missing


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A catalogue of one SLO and a promise of recovery, far from our own runbooks."""
    (tmp_path / "slos").mkdir()
    for name in ("slos/availability.yaml", "slos/sources.yaml", "recovery.yaml", "contacts.yaml"):
        shutil.copy(BUNDLED / name, tmp_path / name)
    return tmp_path


def check(place: Path, url: str) -> tuple[int, list[dict[str, str]]]:
    # A process of its own: within this one, libraries log to wherever another test has told them to.
    command = (sys.executable, "-m", "monitor", "--catalogue", str(place), "check", "--json", "--prometheus", url)
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout)["findings"]


def test_what_is_written_is_judged_also_where_prometheus_cannot_be_reached(place: Path) -> None:
    recovery = place / "recovery.yaml"
    recovery.write_text(recovery.read_text().replace("rpo: 1h", "rpo: 1m"))
    url = f"http://{free_address()}"

    code, found = check(place, url)

    assert [finding["code"] for finding in found] == ["rpo", "prometheus-unasked"]
    assert code == 1  # a promise is known to be broken
    assert found[-1]["message"] == f"cannot reach Prometheus at {url}: start it, or correct --prometheus"


def test_that_prometheus_could_not_be_asked_is_exit_3_where_nothing_else_is_known(place: Path) -> None:
    code, found = check(place, f"http://{free_address()}")

    assert (code, [finding["code"] for finding in found]) == (3, ["prometheus-unasked"])


def test_a_server_of_something_else_is_named_as_such(place: Path) -> None:
    page = b"HTTP/1.1 404 Not Found\r\nContent-Length: 14\r\nConnection: close\r\n\r\n<h1>nginx</h1>"
    with server(lambda: [page]) as url:
        code, (finding,) = check(place, url)

    assert (code, finding["code"]) == (3, "prometheus-unasked")
    said = f"{url} answers 404, and not as a Prometheus does: check --prometheus, and any proxy before it"
    assert finding["message"] == said


def test_what_prometheus_told_before_it_fell_silent_is_told(place: Path) -> None:
    body = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
    head = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    answers = iter([[HEAD + head + body]])
    with server(lambda: next(answers, [])) as url:
        code, found = check(place, url)

    assert code == 1
    assert [finding["code"] for finding in found] == ["missing-series"] * (len(found) - 1) + ["prometheus-unasked"]
    assert len(found) > 1
