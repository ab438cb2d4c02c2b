"""Whatever anybody sends, in any part of a request, no answer is a 5xx: those spend the error budget."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
import zlib
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest

from tests.conftest import EmbeddedStack, running_stack
from tests.contract.app_api import PASSWORD, Person, working_day

pytestmark = pytest.mark.stack

DIGITS = "9" * 5000
DEEP = "[" * 5000
HALF = r"\ud800"

VALUES = (
    *("null", "true", "0", "-1", "1e999", "NaN", f'"{HALF}"', r'"\u0000"', '""', "[]", "{}", '[{"reference": []}]'),
    *(DIGITS, f"-{DIGITS}", "0." + DIGITS, DEEP, '{"a":' * 2000, f'"{"x" * 14_000}"', r'"\u0663"', r'"\u202e"'),
)
"""What may stand in the place of any field, as JSON or nearly so."""

TEXTS = (
    *("", "%00", "%ff", "%ED%A0%80", "%F0%9F%98%80", "..%2f..", "%C2%B2", "%D9%A3", "-1", "0", DIGITS, "x" * 7000),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00%2B23:59"),
    *("9999-12-25T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-22", "20261122T171500Z", "1e400", "NaN", "%7B%22$gt%22"),
)
"""What may stand in the place of any parameter."""

HEADERS = (
    *("", "Bearer", "Bearer ", "Bearer x.y.z", "Basic Og==", "\xff", "\x01", "x" * 7000, DIGITS, DEEP[:6000]),
    *("0" * 16 + " " + "9" * 12 + " " + "0" * 64, "0" * 16 + " " + "9" * 400 + " " + "0" * 64, "00-" + "0" * 32),
)


def base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


TOKENS = tuple(
    f"{base64url(header)}.{base64url('{}')}.x"
    for header in (
        *(DEEP[:4000], DIGITS[:4900], "null", "[]", '"x"', '{"alg": []}', '{"alg": {}}', '{"alg": null}'),
        *('{"alg": "none"}', '{"alg": "HS256", "kid": 5}', '{"alg": "HS256", "crit": 5}', '{"alg": "HS256", "b64": 0}'),
        *(f'{{"alg": "{HALF}"}}', f'{{"alg": {"9" * 4400}}}', '{"alg": "HS256", "crit": [[]]}', "\ud800"),
    )
)

CURSORS = tuple(
    base64url(text)
    for text in (
        *(DEEP[:4000], "9" * 4400, "null", "{}", '{"a": 1, "b": 2}', "[1, 2]", "[[], {}]", "NaN", '["", ""]'),
        json.dumps(["0001-01-01T00:00:00Z", "0" * 32]),
        json.dumps(["9999-12-31T23:59:59Z", "0" * 32]),
        json.dumps(["9999-12-31T23:59:59-23:59", "0" * 32]),
        json.dumps(["2026-11-22T17:15:00Z", "\ud800" * 32]),
        json.dumps(["2026-11-22T17:15:00Z", {"$gt": ""}]),
    )
)

REGISTRATION = {"email": "a@example.org", "password": PASSWORD, "name": "A", "birthDate": "1961-07-23"}
BOOKING = {"resourceType": "Appointment", "status": "booked", "slot": [{"reference": "Slot/x"}]}
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/auth/register": REGISTRATION,
    "/api/v1/auth/login": {"email": "a@example.org", "password": PASSWORD},
    "/api/v1/appointments": BOOKING,
}
ROUTES = (
    *(("POST", path) for path in BODIES),
    *(("GET", path) for path in ("/", "/api/v1/practitioners", "/api/v1/slots", "/api/v1/appointments")),
    *(("GET", "/api/v1/appointments/x"), ("POST", "/api/v1/appointments/x/cancel"), ("DELETE", "/api/v1/patients/me2")),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    yield from running_stack(tmp_path_factory.mktemp("app"), only=("edge",))


@pytest.fixture
async def patient(served: EmbeddedStack) -> AsyncIterator[Person]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(12)) as session:
        yield await Person(session, served.layout.url("edge")).join()


class Raw:
    """Sends what clients repair or refuse to send, past the edge, which refuses some of it."""

    def __init__(self, served: EmbeddedStack, token: str, *, door: str = "app-1") -> None:
        self._port = served.layout.port(door)
        self._token = token
        self.failures: list[str] = []

    async def send(self, method: str, target: str, body: bytes = b"", **headers: str) -> None:
        """Send one request, and note its answer if it is none or a failure of ours."""
        fields = {
            "Host": "localhost",
            "Connection": "close",
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._token}",
            "Idempotency-Key": uuid.uuid4().hex,
            "Content-Length": str(len(body)),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(head.encode("latin-1") + b"\r\n" + body)
        async with asyncio.timeout(60):
            status = int((await reader.readline()).split()[1])
            if status == HTTPStatus.CONTINUE:
                await reader.readuntil(b"\r\n")
                status = int((await reader.readline()).split()[1])
        writer.close()
        if not 200 <= status < 500:
            told = {name: value[:60] for name, value in headers.items()}
            self.failures.append(f"{method} {target[:90]} {body[:90]!r} {told}: {status}")


@pytest.fixture
async def raw(served: EmbeddedStack, patient: Person) -> Raw:
    return Raw(served, patient.token)


@pytest.mark.parametrize("path", BODIES)
async def test_any_value_of_any_field(raw: Raw, path: str) -> None:
    for name in (*BODIES[path], "unknown", "\ud800"):
        for value in VALUES:
            marked = json.dumps(BODIES[path] | {name: "HERE"})
            await raw.send("POST", path, marked.replace('"HERE"', value).encode())
    for value in VALUES:
        await raw.send("POST", path, value.encode())
        await raw.send("POST", path, json.dumps(BOOKING).replace('"Slot/x"', value).encode())
    assert not raw.failures, "\n".join(raw.failures)


@pytest.mark.parametrize("path", BODIES)
async def test_any_body_that_is_not_what_its_head_says(raw: Raw, path: str) -> None:
    body = json.dumps(BODIES[path]).encode()
    for charset in (
        "nonsense",
        "a\x00b",
        "idna",
        "undefined",
        "punycode",
        "hex",
        "utf-7",
        "utf-16",
        "x" * 5000,
        "\xff",
    ):
        await raw.send("POST", path, body, Content_Type=f"application/json; charset={charset}")
    for encoding in ("gzip", "deflate", "br", "zstd", "nonsense"):
        await raw.send("POST", path, body, Content_Encoding=encoding)
    for kind in ("", "text/plain", "multipart/form-data", "application/json; charset", "/", ";", "\xff"):
        await raw.send("POST", path, body, Content_Type=kind)
    await raw.send("POST", path, zlib.compress(b" " * 50_000_000), Content_Encoding="deflate")
    await raw.send("POST", path, zlib.compress(body)[:-6], Content_Encoding="deflate")
    await raw.send("POST", path, b"\xff\xfe\x00")
    await raw.send("POST", path, b"x" * 20_000)
    await raw.send("POST", path, b"zz\r\nnot a chunk", Transfer_Encoding="chunked")
    assert not raw.failures, "\n".join(raw.failures)


async def test_any_value_of_any_parameter(raw: Raw) -> None:
    for text in TEXTS:
        await raw.send("GET", f"/api/v1/slots?practitioner={text}")
        await raw.send("GET", f"/api/v1/slots?practitioner=Practitioner/practitioner-001&from={text}")
        await raw.send("GET", f"/api/v1/slots?practitioner=practitioner-001&to={text}")
        await raw.send("GET", f"/api/v1/slots?practitioner=practitioner-001&from={text}&to={text}")
        await raw.send("GET", f"/api/v1/appointments?cursor={text}")
        await raw.send("GET", f"/?practitioner={text}&date={text}")
        await raw.send("GET", f"/?date={text}")
        await raw.send("GET", f"/api/v1/appointments/{text}")
        await raw.send("POST", f"/api/v1/appointments/{text}/cancel")
        await raw.send("GET", f"/{text}")
    for cursor in CURSORS:
        await raw.send("GET", f"/api/v1/appointments?cursor={cursor}")
    assert not raw.failures, "\n".join(raw.failures)


async def test_any_value_of_any_header(raw: Raw) -> None:
    names = ("Authorization", "Idempotency_Key", "X_Synthetic", "X_Probe", "Traceparent", "Tracestate", "Host")
    for method, path in ROUTES:
        body = json.dumps(BODIES.get(path, {})).encode()
        for name in names:
            for value in HEADERS:
                await raw.send(method, path, body, **{name: value})
    for token in TOKENS:
        await raw.send("GET", "/api/v1/appointments", Authorization=f"Bearer {token}")
    assert not raw.failures, "\n".join(raw.failures)


async def test_any_expectation(served: EmbeddedStack, patient: Person) -> None:
    """The edge takes away what the app's HTTP library would fail over, before any of our code is asked."""
    raw = Raw(served, patient.token, door="edge")
    for method, path in (*ROUTES, ("GET", "/nowhere")):
        for value in (*HEADERS, "100-continue", "100-continue, \xff", "100-continue\r\nExpect: \xff"):
            await raw.send(method, path, Expect=value)
    assert not raw.failures, "\n".join(raw.failures)


async def test_any_slot(raw: Raw) -> None:
    day = working_day(weeks=2)
    for reference in (
        *(
            "Slot/",
            "Slot/\0",
            f"Slot/{DIGITS}",
            "Slot/practitioner-001-99991231T2359Z",
            "Slot/practitioner-001-00010101T0000Z",
        ),
        *(
            "Slot/practitioner-001-20260230T0800Z",
            f"Slot/practitioner-9999-{day:%Y%m%d}T0800Z",
            "Slot/practitioner-\u0660\u0660\u0661-x",
        ),
        "Slot/practitioner-001-\u0662\u0660\u0662\u06661122T0800Z",
    ):
        body = BOOKING | {"slot": [{"reference": reference}]}
        await raw.send("POST", "/api/v1/appointments", json.dumps(body).encode())
    assert not raw.failures, "\n".join(raw.failures)
