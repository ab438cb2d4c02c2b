"""Whatever a body or a query holds, the answer is a problem that names the field: never a failure."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from app.clock import from_rfc3339
from app.handlers import _cursor
from app.parsing import json_fields, search_period
from app.problems import INVALID_REQUEST, Problem
from app.tokens import Tokens

FIELDS = ("email", "password")


async def read(body: bytes) -> dict[str, str]:
    payload = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
    payload.feed_data(body)
    payload.feed_eof()
    request: web.Request = make_mocked_request(
        "POST", "/", headers={"Content-Type": "application/json"}, payload=payload
    )
    return await json_fields(request, FIELDS)


async def test_a_pair_of_surrogates_is_a_character() -> None:
    assert (await read(rb'{"email": "a@b.c", "password": "\ud83d\ude00"}'))["password"] == "\U0001f600"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("half", [r"\ud800", r"\udfff", r"\ude00\ud83d"])
async def test_half_a_pair_of_surrogates_is_a_fault_of_its_field(field: str, half: str) -> None:
    body = json.dumps(dict.fromkeys(FIELDS, "text") | {field: "HERE"}).replace("HERE", half)
    with pytest.raises(Problem) as caught:
        await read(body.encode())
    assert caught.value.kind is INVALID_REQUEST
    rows = caught.value.extra["errors"]
    assert isinstance(rows, list)
    assert [row["field"] for row in rows] == [field]


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "yesterday", 3])
def test_a_cursor_that_nobody_was_given_is_refused(instant: object) -> None:
    mark = base64.urlsafe_b64encode(json.dumps([instant, "0" * 32]).encode()).decode()
    with pytest.raises(Problem) as caught:
        _cursor(mark)
    assert caught.value.kind is INVALID_REQUEST


@pytest.mark.parametrize("body", [b"9" * 5000, b"[" * 5000, b'{"email": 1' + b"0" * 5000 + b"}", b"\xff", b"NaN"])
async def test_what_no_program_writes_is_no_json(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        await read(body)
    assert caught.value.kind is INVALID_REQUEST


@pytest.mark.parametrize("text", ["[" * 3000, "9" * 5000, "NaN", "null"])
def test_neither_a_cursor_nor_a_token_may_hold_what_no_program_writes(text: str) -> None:
    mark = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    with pytest.raises(Problem) as caught:
        _cursor(mark)
    assert caught.value.kind is INVALID_REQUEST
    assert Tokens(b"k" * 32).caller(f"{mark}.{mark}.x") is None


@pytest.mark.parametrize("instant", ["9999-12-31T23:59:59Z", "9999-12-20T00:00:00Z", "9999-12-31T23:59:59-23:59"])
def test_a_search_from_the_end_of_time_is_a_fault_of_the_query(instant: str) -> None:
    request = make_mocked_request("GET", f"/api/v1/slots?from={instant}")
    with pytest.raises(Problem) as caught:
        search_period(request, from_rfc3339("2026-11-22T17:15:00Z"))
    rows = caught.value.extra["errors"]
    assert isinstance(rows, list)
    assert [row["field"] for row in rows] == ["from"]
