"""The page and the spans in the hands of those they are for: Prometheus itself, and an OTLP collector."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from monitor.stack import programs
from tests.contract.exporters_process import exporters
from tests.contract.telemetry_receivers import otlp_receiver
from tests.ports import free_address


@contextlib.contextmanager
def prometheus(directory: Path, scrape: Mapping[str, object]) -> Iterator[str]:
    """Run Prometheus with one job; yield its URL."""
    config = directory / "prometheus.yml"
    config.write_text(
        json.dumps({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [dict(scrape)]}),
        encoding="utf-8",
    )
    address = free_address()
    process = subprocess.Popen(
        [
            programs.locate("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={address}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://{address}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def static(target: str) -> dict[str, object]:
    return {"job_name": "exporters", "static_configs": [{"targets": [target]}]}


def query(url: str, promql: str) -> list[Any]:
    """Ask until there is an answer."""
    ends = time.monotonic() + 90
    while time.monotonic() < ends:
        with contextlib.suppress(URLError, ConnectionError):
            with urlopen(f"{url}/api/v1/query?query={quote(promql)}", timeout=5) as answer:  # noqa: S310  # our own
                found: list[Any] = json.load(answer)["data"]["result"]
            if found:
                return found
        time.sleep(0.2)
    raise AssertionError(f"Prometheus knows nothing of {promql}")


def test_prometheus_stores_every_sample_of_the_page(tmp_path: Path) -> None:
    with (
        exporters("--collect", "host,blackbox", "--probe", "http://127.0.0.1:9") as process,
        prometheus(tmp_path, static(process.url.removeprefix("http://"))) as url,
    ):
        assert query(url, "up == 1")
        scraped = float(query(url, "scrape_samples_scraped > 0")[0]["value"][1])
        kept = float(query(url, "scrape_samples_post_metric_relabeling > 0")[0]["value"][1])
        assert scraped == kept >= len(process.get().samples) - 5
        assert query(url, 'probe_success{probe="edge"} == 0')
        # Prometheus said that it waits for one second; half of it is ours.
        assert query(url, "exporter_scrape_budget_seconds == 0.5")
        assert query(url, 'node_cpu_seconds_total{mode="idle"} > 0')
        with urlopen(f"{url}/api/v1/metadata?metric=node_cpu_seconds_total", timeout=5) as answer:  # noqa: S310  # our own
            assert json.load(answer)["status"] == "success"


def test_scrapes_are_traced_where_that_is_asked_for() -> None:
    with otlp_receiver() as collector:
        environment = {"EXPORTERS_OTLP_ENDPOINT": collector.endpoint}
        with exporters("--collect", "host", environment=environment) as process:
            process.get()
        collector.wait()
        assert "GET /metrics" in {span.name for span in collector.spans}
