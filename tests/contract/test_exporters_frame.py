"""The exporters' own pages and manners: named targets, discovery, one scrape for all, and what nonsense gets."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from monitor.stack import programs
from tests.contract.exporters_process import Exporters, Series, exporters, samples
from tests.contract.test_exporters_prometheus import prometheus, query
from tests.ports import free_port
from tests.steady import undisturbed

HEADER = 2.0
"""Seconds that the scraper says it will wait."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: HTTPMessage
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def samples(self) -> dict[Series, float]:
        return samples(self.text)

    def value(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]


def ask(process: Exporters, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    started = time.monotonic()
    address = urlsplit(process.url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)) as connection:
        connection.request(method, path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read(), time.monotonic() - started)


def waits(seconds: float | str) -> dict[str, str]:
    return {"X-Prometheus-Scrape-Timeout-Seconds": str(seconds)}


@contextmanager
def redis_server(directory: Path) -> Iterator[int]:
    port = free_port()
    command = (programs.locate("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", ".")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=directory)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


@dataclass(frozen=True, slots=True)
class Running:
    """The exporters with three targets: one that answers, one that never does, one that is not there."""

    process: Exporters
    silent: socket.socket


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("targets")
    with redis_server(directory) as port, socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        file = directory / "targets.toml"
        file.write_text(
            f'[good]\nredis_uri = "redis://127.0.0.1:{port}"\n'
            f'[silent]\nredis_uri = "redis://127.0.0.1:{silent.getsockname()[1]}"\nscrape_budget = 8\n'
            f'[absent]\nredis_uri = "redis://127.0.0.1:{free_port()}"\n',
            encoding="utf-8",
        )
        with exporters("--collect", "host", "--targets", str(file)) as process:
            yield Running(process, silent)


@pytest.fixture
def process(running: Running) -> Exporters:
    return running.process


def test_a_target_is_scraped_by_its_name_and_its_page_is_its_own(process: Exporters) -> None:
    page = ask(process, "/probe?target=good", headers=waits(5))
    assert page.status == 200
    assert page.value("redis_up") == 1
    for what in ("success", "duration_seconds", "age_seconds"):
        assert ("exporter_collector_" + what, frozenset({("collector", "redis")})) in page.samples
    names = {name for name, _ in page.samples}
    assert not [name for name in names if name.startswith(("process_", "telemetry_", "node_", "exporter_build"))]
    own = ask(process, "/metrics")
    assert not [name for name, _ in own.samples if name.startswith("redis_")]
    assert own.value("exporter_config_last_reload_successful") == 1
    down = ask(process, "/probe?target=absent", headers=waits(5))
    assert (down.status, down.value("redis_up")) == (200, 0), "a target that is down is a figure, not an error"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/probe", 400),
        ("/probe?target=", 400),
        ("/probe?target=unknown", 404),
        ("/probe?target=redis://127.0.0.1:{port}", 404),
        ("/probe?target=127.0.0.1:{port}", 404),
        ("/probe?target=%3Cscript%3Ealert(1)%3C/script%3E", 404),
        ("/probe?target=unknown&target=good", 404),
        ("/probe?target=good&collect[]=%3Cscript%3E", 400),
        ("/metrics?collect[]=redis", 400),
        ("/nowhere", 404),
        ("/-/reload", 405),
    ],
)
def test_only_names_from_the_file_are_reached_and_nothing_is_echoed(running: Running, path: str, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.2)
        refused = ask(running.process, path.replace("{port}", str(elsewhere.getsockname()[1])))
        assert refused.status == status
        assert "script" not in refused.text
        assert "unknown" not in refused.text
        assert refused.headers["Content-Type"].startswith("text/plain")
        with pytest.raises(TimeoutError):
            elsewhere.accept()


def test_fifty_callers_of_a_target_that_hangs_are_one_scrape_and_all_answered_in_time(running: Running) -> None:
    def attempt() -> None:
        before = ask(running.process, "/probe?target=silent", headers=waits(1)).samples
        with ThreadPoolExecutor(50) as pool:
            asked = [
                pool.submit(ask, running.process, "/probe?target=silent", headers=waits(HEADER)) for _ in range(50)
            ]
        pages = [one.result() for one in asked]
        assert {page.status for page in pages} == {200}
        assert max(page.seconds for page in pages) < HEADER - 0.5 + 0.35, "50 callers and one test share two processors"
        assert {page.value("redis_up") for page in pages} == {0}
        assert {page.value("redis_up_reason", reason="timeout") for page in pages} == {1}
        assert {page.body for page in pages} == {pages[0].body}
        alone = ask(running.process, "/probe?target=silent", headers=waits(HEADER))
        assert alone.seconds < HEADER - 0.5
        for counted, more in (("exporter_scrapes_total", 2), ("exporter_scrapes_shared_total", 49)):
            assert alone.value(counted) == before[counted, frozenset()] + more

    undisturbed(attempt)


def test_an_impatient_caller_gets_a_page_in_his_time_and_the_patient_one_too(process: Exporters) -> None:
    def attempt() -> None:
        with ThreadPoolExecutor(1) as pool:
            patient = pool.submit(ask, process, "/probe?target=silent", headers=waits(5))
            time.sleep(0.1)
            impatient = ask(process, "/probe?target=silent", headers=waits(1))
            assert patient.result().value("redis_up") == 0
            assert impatient.seconds < 0.6

    undisturbed(attempt)


def test_callers_with_absurd_limits_cost_nobody_a_page_and_the_target_no_connection(process: Exporters) -> None:
    before = ask(process, "/probe?target=good", headers=waits(10))
    ends = time.monotonic() + 3

    def absurd(limit: str) -> int:
        count = 0
        while time.monotonic() < ends:
            assert ask(process, "/probe?target=good", headers=waits(limit)).status == 200
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        loops = [pool.submit(absurd, limit) for limit in ("0.001", "1e-300", "0.01", "0.9")]
        normal = [ask(process, "/probe?target=good", headers=waits(10)) for _ in range(40)]
        assert sum(loop.result() for loop in loops) > 40
    assert {page.value("redis_up") for page in normal} == {1}
    after = ask(process, "/probe?target=good", headers=waits(10))
    assert after.value("redis_connections_received_total") == before.value("redis_connections_received_total")
    counted = "exporter_collector_failures_total"
    assert after.value(counted, collector="redis", reason="timeout") == before.value(
        counted, collector="redis", reason="timeout"
    )


def test_a_caller_who_hangs_up_takes_nothing_from_anybody_and_leaves_nothing_behind(process: Exporters) -> None:
    address = urlsplit(process.url)
    before = ask(process, "/metrics").value("process_open_fds")
    with ThreadPoolExecutor(1) as pool:
        for _ in range(20):
            with socket.create_connection((address.hostname or "", address.port or 0)) as caller:
                caller.sendall(
                    b"GET /probe?target=silent HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 1\r\n\r\n"
                )
        stays = pool.submit(ask, process, "/probe?target=silent", headers=waits(1))
        assert stays.result().value("redis_up") == 0
    ends = time.monotonic() + 30
    while ask(process, "/metrics").value("process_open_fds") > before + 1:
        assert time.monotonic() < ends
        time.sleep(0.1)


@pytest.mark.parametrize("header", ["nonsense", "-1", "nan", "inf", "1e999", "", "0x10", "9" * 4000, "\xff", "2, 3"])
def test_a_header_of_nonsense_is_as_good_as_none(process: Exporters, header: str) -> None:
    page = ask(process, "/metrics", headers=waits(header))
    assert page.status == 200
    assert page.value("exporter_scrape_budget_seconds") == 4
    assert ask(process, "/metrics", headers={"Accept": header, "Accept-Encoding": header}).status == 200


def test_head_says_what_get_would_and_sends_nothing(process: Exporters) -> None:
    head = ask(process, "/probe?target=good", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(head.headers["Content-Length"]) > 1_000


@pytest.mark.parametrize(("offered", "compressed"), [("gzip", True), ("gzip;q=0", False), ("identity", False)])
def test_a_page_is_compressed_for_whoever_wants_that(process: Exporters, offered: str, *, compressed: bool) -> None:
    page = ask(process, "/probe?target=good", headers={"Accept-Encoding": offered})
    assert page.headers["Content-Encoding"] == ("gzip" if compressed else None)
    assert "redis_up 1" in (gzip.decompress(page.body) if compressed else page.body).decode()


def test_a_request_may_ask_for_some_collectors_only(process: Exporters) -> None:
    page = ask(process, "/metrics?collect[]=host")
    assert page.value("exporter_collector_success", collector="host") == 1
    assert [name for name, _ in page.samples if name.startswith("node_")]
    assert page.value("exporter_collector_failures_total", collector="host", reason="error") == 0
    assert page.value("process_open_fds") > 0, "split into jobs, nothing is lost"


def test_prometheus_finds_the_targets_and_scrapes_each_under_its_name(process: Exporters, tmp_path: Path) -> None:
    found = ask(process, "/sd")
    assert found.headers["Content-Type"].startswith("application/json")
    groups = {group["labels"]["target"]: group for group in json.loads(found.body)}
    assert set(groups) == {"good", "silent", "absent"}
    assert groups["good"]["targets"] == [process.url.removeprefix("http://")]
    assert groups["good"]["labels"]["__param_target"] == "good"
    job = {"job_name": "fleet", "http_sd_configs": [{"url": f"{process.url}/sd", "refresh_interval": "1s"}]}
    with prometheus(tmp_path, job) as url:
        up = query(url, 'redis_up{job="fleet"} == 1')[0]["metric"]
        assert (up["target"], up["instance"]) == ("good", "good")
        assert query(url, 'redis_up{target="absent"} == 0')
        assert query(url, 'redis_up{target="silent"} == 0'), "what hangs is told in time to be stored"
        assert query(url, 'redis_up_reason{target="silent",reason="timeout"} == 1')
        assert query(url, 'min(up{job="fleet"}) == 1')


def test_discovery_repeats_no_address_that_is_none(process: Exporters) -> None:
    evil = json.loads(ask(process, "/sd", headers={"Host": "evil/../x y:1"}).body)
    assert {address for group in evil for address in group["targets"]} == {process.url.removeprefix("http://")}


def test_the_cardinality_page_says_which_families_are_large(process: Exporters) -> None:
    ask(process, "/metrics")
    page = ask(process, "/probe?target=good")
    found = json.loads(ask(process, "/cardinality?format=json").body)
    target = next(one for one in found["targets"] if one["target"] == "good")
    assert abs(time.time() - target["scraped_at"]) < 60
    redis = [row for row in found["families"] if row["target"] == "good" and row["family"] == "redis_up_reason"]
    assert [(row["collector"], row["budget"], row["dropped"]) for row in redis] == [("redis", 2_000, 0)]
    assert redis[0]["series"] == len([name for name, _ in page.samples if name == "redis_up_reason"])
    sizes = [row["series"] for row in found["families"]]
    assert sizes == sorted(sizes, reverse=True)
    people = ask(process, "/cardinality")
    assert people.headers["Content-Type"].startswith("text/html")
    assert "redis_up_reason" in people.text


def test_the_landing_page_says_how_everything_fares(process: Exporters) -> None:
    for target in ("good", "absent"):
        ask(process, f"/probe?target={target}")
    page = ask(process, "/")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert '<html lang="en">' in page.text
    assert "failed: refused" in page.text
    for link in ("metrics", "cardinality", "sd", "probe?target=good", "probe?target=silent"):
        assert f'href="{link}"' in page.text
        assert ask(process, "/" + link, headers=waits(1)).status == 200
