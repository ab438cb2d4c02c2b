"""Requests on the control socket: what is accepted, and the one thing that is wrong with what is not."""

from __future__ import annotations

import json

import pytest

from monitor.errors import InputError
from monitor.stack.control import Request, parse


def test_a_hold_is_read() -> None:
    assert parse(b'{"op": "hold", "name": "redis", "seconds": 60}') == Request(op="hold", name="redis", seconds=60)


def test_kill_means_kill_9_unless_told_otherwise() -> None:
    assert parse(b'{"op": "kill", "name": "redis"}').signum.name == "SIGKILL"
    assert parse(b'{"op": "kill", "name": "redis", "sig": "TERM"}').signum.name == "SIGTERM"


def test_status_needs_no_name() -> None:
    assert parse(b'{"op": "status"}') == Request(op="status")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"op": "explode", "name": "redis"}, "op is one of status, hold"),
        ({"name": "redis"}, "op is one of"),
        ({"op": "start"}, "start needs the name of a component"),
        ({"op": "start", "name": 7}, "start needs the name"),
        ({"op": "hold", "name": "redis"}, "hold needs seconds"),
        ({"op": "hold", "name": "redis", "seconds": 0}, "above 0 and at most 3600"),
        ({"op": "hold", "name": "redis", "seconds": 3601}, "above 0 and at most 3600"),
        ({"op": "hold", "name": "redis", "seconds": True}, "seconds is a number"),
        ({"op": "hold", "name": "redis", "seconds": float("nan")}, "seconds is a number"),
        ({"op": "hold", "name": "redis", "seconds": "60"}, "seconds is a number"),
        ({"op": "kill", "name": "redis", "sig": "STOP"}, "sig is one of KILL, TERM"),
        ({"op": "kill", "name": "redis", "sig": []}, "sig is one of KILL, TERM"),
        ({"op": {}, "name": "redis"}, "op is one of"),
        ({"op": "kill", "name": "redis", "pid": 1}, "unknown field: pid"),
        (["kill", "redis"], "one JSON object"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_one_sentence(request_: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(json.dumps(request_).encode())


@pytest.mark.parametrize("line", [b"", b"hello", b"{", b"\xff\xfe", b"[" * 4000])
def test_what_is_not_json_is_refused(line: bytes) -> None:
    with pytest.raises(InputError, match="one JSON object on one line"):
        parse(line)
