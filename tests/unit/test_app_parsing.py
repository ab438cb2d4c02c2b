"""Whatever a body or a query holds, the answer is a problem that names the field: never a failure."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from app.handlers import _cursor
from app.parsing import json_fields
from app.problems import INVALID_REQUEST, Problem

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
