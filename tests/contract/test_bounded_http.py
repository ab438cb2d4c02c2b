"""Servers whose answers do not end are given up: by what drips for ever, and by what never stops."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterable
from itertools import chain, repeat

import pytest
import requests

from monitor.errors import Unavailable
from monitor.sources import alertmanager
from monitor.sources.bounded_http import BoundedAdapter, TooLong
from monitor.sources.prometheus import Prometheus
from tests.contract.scripted_server import HEAD, server


def dripping() -> Iterable[bytes]:
    return chain([HEAD + b"Content-Length: 1000000\r\n\r\n"], repeat(b" "))


def endless() -> Iterable[bytes]:
    return chain([HEAD + b"Connection: close\r\n\r\n"], repeat(b" " * 65536))


def test_an_answer_that_drips_is_given_up_in_time() -> None:
    began = time.monotonic()
    given_up = pytest.raises(Unavailable, match=r"did not answer within 0\.5 s")
    with server(dripping, every_s=0.05) as url, Prometheus(url, timeout_s=0.5) as client, given_up:
        client.instant("up")
    assert time.monotonic() - began < 5


def test_so_is_an_alertmanager_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alertmanager, "TIMEOUT_S", 0.5)
    with server(dripping, every_s=0.05) as url, pytest.raises(Unavailable, match=r"did not answer within 0\.5 s"):
        alertmanager.active_alerts(url)
    with server(dripping, every_s=0.05) as url:
        assert alertmanager.why_dead(url, timeout_s=0.5) == "did not answer within 0.5 s"


def test_an_answer_that_never_stops_is_read_no_further() -> None:
    refused = pytest.raises(Unavailable, match=r"with more than .* MiB: ask for a shorter time or for fewer series")
    with server(endless) as url, Prometheus(url) as client, refused:
        client._client._session.mount(url, BoundedAdapter(10, most_bytes=1 << 20))
        client.instant("up")


def test_nor_is_one_that_is_small_while_it_is_packed() -> None:
    body = gzip.compress(bytes(4 << 20))
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with server(lambda: [head + body]) as url, requests.Session() as session:
        session.mount(url, BoundedAdapter(10, most_bytes=1 << 20))
        with pytest.raises(TooLong):
            session.get(url, timeout=10)
        session.mount(url, BoundedAdapter(10, most_bytes=8 << 20))
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
