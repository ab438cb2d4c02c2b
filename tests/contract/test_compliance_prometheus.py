"""Our client against a real Prometheus: values as they are, and one sentence for each way to fail."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from monitor.errors import Unavailable
from monitor.sources.prometheus import MAX_POINTS, Prometheus
from tests.contract.history import History, serve

AT = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    history = History()
    for name in ("b", "a"):
        points = [(AT - 60 * SECOND + number * SECOND, float(number)) for number in range(61)]
        history.add("things_total", {"name": name}, points)
    history.add("nothing", {}, [(AT, math.nan)])
    with serve(history, tmp_path_factory.mktemp("prometheus")) as client:
        yield client


def test_an_instant_query_answers_samples_sorted_by_labels(prometheus: Prometheus) -> None:
    first, second = prometheus.instant("things_total", at=AT)
    assert (first.labels["name"], second.labels["name"]) == ("a", "b")
    assert first.value == 60
    assert first.at == AT


def test_a_scalar_is_a_sample_without_labels(prometheus: Prometheus) -> None:
    (sample,) = prometheus.instant("1 + 1", at=AT)
    assert sample.value == 2
    assert sample.labels == {}


def test_what_is_not_a_number_stays_so(prometheus: Prometheus) -> None:
    (sample,) = prometheus.instant("nothing", at=AT)
    assert math.isnan(sample.value)


def test_raw_samples_keep_their_own_times(prometheus: Prometheus) -> None:
    (series,) = prometheus.samples('things_total{name="a"}[2500ms]', at=AT)
    assert [value for _, value in series.points] == [58, 59, 60]
    assert series.points[-1][0] == AT


def test_a_range_begins_and_ends_at_the_very_instants(prometheus: Prometheus) -> None:
    (series,) = prometheus.range('things_total{name="a"}', AT - 10 * SECOND, AT, 5 * SECOND)
    assert series.points == ((AT - 10 * SECOND, 50.0), (AT - 5 * SECOND, 55.0), (AT, 60.0))


def test_a_range_of_more_points_than_prometheus_allows_comes_in_parts(prometheus: Prometheus) -> None:
    start = AT - SECOND * (MAX_POINTS + 5_000)
    (series,) = prometheus.range("vector(1)", start, AT, SECOND)
    assert len(series.points) == MAX_POINTS + 5_001
    assert len({at for at, _ in series.points}) == len(series.points)


def test_a_refused_query_tells_prometheus_own_reason(prometheus: Prometheus) -> None:
    with pytest.raises(Unavailable, match=r"refused 'sum\(\(': .*parse error"):
        prometheus.instant("sum((")


def test_nobody_there_is_one_sentence() -> None:
    with Prometheus("http://127.0.0.1:1") as client, pytest.raises(Unavailable, match="cannot reach Prometheus at"):
        client.instant("up")


def someone_else(body: bytes) -> AbstractContextManager[str]:
    """A server that answers everything with 200 and something that Prometheus would never say."""
    return answering(lambda _: (200, body))


@contextmanager
def answering(answer: Callable[[dict[str, list[str]]], tuple[int, bytes]]) -> Iterator[str]:
    """A server that answers a question's parameters with a status and a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(parse_qs(urlsplit(self.path).query))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"{}", b"[]", b'{"data": {"result": [{"x": 1}]}}'])
def test_a_server_that_is_no_prometheus_is_recognised(body: bytes) -> None:
    refused = pytest.raises(Unavailable, match="does not answer like a Prometheus")
    with someone_else(body) as url, Prometheus(url) as client, refused:
        client.instant("up")


@pytest.mark.parametrize(
    ("question", "whole"),
    [("partial_response", "false"), ("deny_partial_response", "1")],
    ids=["Thanos", "VictoriaMetrics"],
)
def test_a_part_of_an_answer_is_none(question: str, whole: str) -> None:
    """While one of their stores is away, these leave out what it has, unless they are asked for the whole."""

    def one_store_is_away(asked: dict[str, list[str]]) -> tuple[int, bytes]:
        if asked.get(question) == [whole]:
            return 503, b'{"status": "error", "errorType": "execution", "error": "a store is away"}'
        return 200, b'{"status": "success", "warnings": ["a store is away"], "data": {"result": []}}'

    with answering(one_store_is_away) as url, Prometheus(url) as client:
        for ask in (
            lambda: client.instant("up"),
            lambda: client.samples("up[1m]"),
            lambda: client.range("up", AT, AT + SECOND, SECOND),
        ):
            with pytest.raises(Unavailable, match="a store is away"):
                ask()


def test_one_that_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        given_up = pytest.raises(Unavailable, match=r"did not answer within 0\.2 s")
        with Prometheus(url, timeout_s=0.2) as client, given_up:
            client.instant("up")
