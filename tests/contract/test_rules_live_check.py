"""``monitor check --prometheus`` against a real server that scrapes nothing yet, and against none."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

from click.testing import CliRunner

from monitor.cli import main
from monitor.errors import Unavailable
from monitor.sources.prometheus import Prometheus


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


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
    found = json.loads(done.output)["findings"]
    missing = {finding["message"] for finding in found if finding["code"] == "missing-series"}
    assert "Prometheus has no series haproxy_backend_http_responses_total now" in missing


def test_a_prometheus_that_cannot_be_reached_is_exit_3_and_one_sentence(tmp_path: Path) -> None:
    url = f"http://{free_address()}"

    done = CliRunner().invoke(main, ["--run-dir", str(tmp_path), "check", "--prometheus", url])

    assert done.exit_code == 3
    assert url in done.output
    assert "Traceback" not in done.output
