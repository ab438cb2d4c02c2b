"""Servers whose answers do not end are given up: by what drips for ever, and by what never stops."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterable
from itertools import chain, repeat

import pytest
import requests

from monitor.errors import Unavailable
from monitor.sources import alertmanager
from monitor.sources.bounded_http import BoundedSession, TooLong
from monitor.sources.prometheus import Prometheus
from tests.contract.scripted_server import HEAD, server
from tests.steady import undisturbed


def dripping() -> Iterable[bytes]:
    return chain([HEAD + b"Content-Length: 1000000\r\n\r\n"], repeat(b" "))


def endless() -> Iterable[bytes]:
    return chain([HEAD + b"Connection: close\r\n\r\n"], repeat(b" " * 65536))


def dripping_head() -> Iterable[bytes]:
    return chain([HEAD + b"X-Slow: "], repeat(b"."))


def never_yet() -> Iterable[bytes]:
    """That the answer comes later, again and again."""
    return repeat(b"HTTP/1.1 100 Continue\r\n\r\n")


def sending_on() -> Iterable[bytes]:
    """Thirty times to itself, each time slowly, though never for long."""
    return [b"HTTP/1.1 302 Found\r\n", b"Content-Length: 0\r\n", b"X: y\r\n", b"Location: /\r\n", b"\r\n"]


SLOW = pytest.mark.parametrize("slowly", [dripping, dripping_head, never_yet, sending_on])


@SLOW
def test_an_answer_that_drips_is_given_up_in_time(slowly: Callable[[], Iterable[bytes]]) -> None:
    def attempt() -> None:
        given_up = pytest.raises(Unavailable, match=r"did not answer within 0\.2 s")
        began = time.monotonic()
        with server(slowly, every_s=0.05, kept=True) as url, Prometheus(url, timeout_s=0.2) as client, given_up:
            client.instant("up")
        assert time.monotonic() - began < 2

    undisturbed(attempt)


@SLOW
def test_so_is_an_alertmanager_that_drips(
    slowly: Callable[[], Iterable[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alertmanager, "TIMEOUT_S", 0.3)

    def attempt() -> None:
        began = time.monotonic()
        with (
            server(slowly, every_s=0.05, kept=True) as url,
            pytest.raises(Unavailable, match=r"did not answer within 0\.3 s"),
        ):
            alertmanager.active_alerts(url)
        assert time.monotonic() - began < 2

    undisturbed(attempt)


@pytest.mark.parametrize("slowly", [dripping, dripping_head])
def test_who_drips_is_not_alive(slowly: Callable[[], Iterable[bytes]]) -> None:
    with server(slowly, every_s=0.05) as url:
        assert alertmanager.why_dead(url, timeout_s=0.3) == "did not answer within 0.3 s"


def test_who_is_asked_often_over_one_connection_has_the_whole_time_each_time() -> None:
    """Six answers that together take longer, on a connection that is kept."""
    said = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
    answer = HEAD + b"Content-Length: %d\r\n\r\n" % len(said)

    def attempt() -> None:
        with server(lambda: [answer, said], every_s=0.1, kept=True) as url, BoundedSession(1) as session:
            for _ in range(6):
                try:
                    assert session.get(url, timeout=1).content == said
                except requests.RequestException as error:
                    pytest.fail(f"not within its second: {error}")

    undisturbed(attempt)


def test_an_answer_that_never_stops_is_read_no_further() -> None:
    refused = pytest.raises(Unavailable, match=r"with more than .* MiB: ask for a shorter time or for fewer series")
    with server(endless) as url, Prometheus(url) as client, refused:
        client._session.adapter._most_bytes = 1 << 20
        client.instant("up")


def test_nor_is_one_that_is_small_while_it_is_packed() -> None:
    body = gzip.compress(bytes(4 << 20))
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with server(lambda: [head + body]) as url:
        with BoundedSession(10, most_bytes=1 << 20) as session, pytest.raises(TooLong):
            session.get(url, timeout=10)
        with BoundedSession(10, most_bytes=8 << 20) as session:
            assert session.get(url, timeout=10).content == bytes(4 << 20)


def test_an_answer_that_is_cut_short_is_none() -> None:
    refused = pytest.raises(Unavailable, match="does not answer like a Prometheus")
    with server(lambda: [HEAD + b"Content-Length: 100\r\n\r\n{}"]) as url, Prometheus(url) as client, refused:
        client.instant("up")


def test_an_answer_in_pieces_is_whole() -> None:
    said = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
    pieces = [b"%x\r\n%c\r\n" % (1, byte) for byte in said] + [b"0\r\n\r\n"]
    with server(lambda: [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *pieces]) as url, Prometheus(url) as client:
        assert client.instant("up") == ()
