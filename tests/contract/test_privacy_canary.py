"""A patient driven through every route and every error of the real app appears in nothing that leaves it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import bson
import pytest
import redis
from aiohttp import ClientError, ClientSession, ClientTimeout
from pymongo import MongoClient

from app.main import ROUTES
from monitor.stack.programs import locate, locate_mongod
from tests.contract.canary import Patient, forms, leaks
from tests.contract.telemetry_receivers import (
    Receiver,
    dogstatsd_receiver,
    jaeger_udp_receiver,
    otlp_receiver,
)
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
CANARY = Patient()
PAUSE = 0.05


@dataclass(slots=True)
class Servers:
    """The real servers of one run, the receivers of all telemetry, and where each keeps its log."""

    folder: Path
    otlp: Receiver
    jaeger: Receiver
    agent: Receiver
    ports: dict[str, int]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str, env: dict[str, str] | None = None) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, env={**os.environ, **(env or {})}
            )

    def log(self, name: str) -> bytes:
        return (self.folder / f"{name}.log").read_bytes()

    def stop(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['app']}"

    @property
    def mongodb(self) -> MongoClient[dict[str, Any]]:
        return MongoClient(f"mongodb://127.0.0.1:{self.ports['mongod']}/", directConnection=True, timeoutMS=20_000)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    with otlp_receiver() as otlp, jaeger_udp_receiver() as jaeger, dogstatsd_receiver() as agent:
        ports = free_ports("mongod", "redis", "app", "metrics")
        running = Servers(tmp_path, otlp, jaeger, agent, ports)
        try:
            _start_stores(running)
            _start_app(running)
            yield running
        finally:
            for name in ("app", "redis", "mongod"):
                running.stop(name)


def _start_stores(running: Servers) -> None:
    (running.folder / "db").mkdir()
    port = str(running.ports["mongod"])
    where = ["--bind_ip", "127.0.0.1", "--port", port, "--dbpath", "db", "--nounixsocket"]
    running.start("mongod", locate_mongod(), *where, "--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25")
    arguments = ["--port", str(running.ports["redis"]), "--bind", "127.0.0.1", "--save", "", "--loglevel", "debug"]
    running.start("redis", locate("redis-server"), *arguments, "--slowlog-log-slower-than", "0")
    with running.mongodb as client:
        member = {"_id": 0, "host": f"127.0.0.1:{port}"}
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        _until(lambda: client.admin.command("hello")["isWritablePrimary"])
        # Every single operation is "slow" and told with its filters, as on a bad day.
        client.admin.command("profile", 0, slowms=-1)


def _start_app(running: Servers) -> None:
    for name, content in {"field-key": secrets.token_bytes(96), "jwt-key": secrets.token_urlsafe(48).encode()}.items():
        (running.folder / name).write_bytes(content)
    environment = {
        "PYTHONPATH": str(ROOT),
        "APP_LISTEN": f"127.0.0.1:{running.ports['app']}",
        "APP_METRICS_LISTEN": f"127.0.0.1:{running.ports['metrics']}",
        "APP_MONGODB_URI": f"mongodb://127.0.0.1:{running.ports['mongod']}/?replicaSet=rs0",
        "APP_REDIS_URI": f"redis://127.0.0.1:{running.ports['redis']}/0",
        "APP_FIELD_KEY_FILE": str(running.folder / "field-key"),
        "APP_JWT_KEY_FILE": str(running.folder / "jwt-key"),
        "APP_PRACTITIONERS": "3",
        "APP_OPERATION_TIMEOUT": "4",
        "APP_ATTEMPT_TIMEOUT": "2",
        "APP_DRAIN_DELAY": "0.1",
        "APP_LOG_LEVEL": "debug",
        "APP_OTLP_ENDPOINT": running.otlp.endpoint,
        "APP_JAEGER_ENDPOINT": running.jaeger.endpoint,
        "APP_DOGSTATSD_ADDRESS": running.agent.endpoint,
    }
    running.start("app", sys.executable, "-m", "app", env=environment)


@pytest.mark.timeout(170)
async def test_a_patient_appears_in_no_log_span_datagram_metric_or_database(servers: Servers) -> None:
    async with ClientSession(timeout=ClientTimeout(total=60)) as session:
        await _ready(session, servers)
        driver = Driver(session, servers)
        await driver.everything()
        pages = await _metrics_pages(session, servers)
    stored = await asyncio.to_thread(_stored, servers)
    slow = await asyncio.to_thread(_redis_slow_log, servers)
    for name in ("app", "redis", "mongod"):
        await asyncio.to_thread(servers.stop, name)

    spans = servers.otlp.spans
    templates = {route.path for route in ROUTES} - {"/page.css"}
    assert {span.attributes.get("http.route") for span in spans} >= templates, "every route was driven and traced"
    names = {(span.attributes.get("db.system.name"), span.name) for span in spans}
    assert {("mongodb", "insert users"), ("redis", "MGET")} <= names, f"commands were traced: {sorted(map(str, names))}"
    requests = {span.span_id: span.trace_id for span in spans if "http.request.method" in span.attributes}
    commands = [span for span in spans if "db.system.name" in span.attributes]
    assert all(requests.get(span.parent_id) == span.trace_id for span in commands), "commands belong to their request"
    exemplars = set(re.findall(rb" # (\{.*?\}) ", pages))
    assert exemplars, "OpenMetrics names traces"
    assert exemplars <= {b'{trace_id="%s"}' % span.trace_id.encode() for span in spans}, "and nothing but traces sent"
    assert {400, 401, 404, 405, 409, 413, 415, 422, 503} <= {*driver.statuses}, sorted({*driver.statuses})
    assert len(servers.agent.raw) > 0
    assert b"app.request_failed" in servers.log("app")
    assert b"Slow query" in servers.log("mongod")
    sinks = {
        "the app's log": servers.log("app"),
        "mongod's log": servers.log("mongod"),
        "Redis's log": servers.log("redis"),
        "Redis's slow log": slow,
        "the database": stored,
        "spans by OTLP": b"\n".join(servers.otlp.raw),
        "spans by thrift": b"\n".join(servers.jaeger.raw),
        "DogStatsD": b"\n".join(servers.agent.raw),
        "/metrics": pages,
    }
    assert all(sinks.values()), f"empty: {[name for name, content in sinks.items() if not content]}"
    assert leaks(CANARY, sinks) == []


@dataclass(slots=True)
class Driver:
    """Sends the patient's data wherever the app takes, or refuses, anything."""

    session: ClientSession
    servers: Servers
    statuses: list[int] = field(default_factory=list)
    token: str = ""

    async def everything(self) -> None:
        await self.accounts()
        await self.appointments()
        await self.erasure()
        await self.nonsense()
        await self.raw_nonsense()
        await self.with_failing_stores()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """One request; the answer's JSON, if it has any. Every header that may be logged names the patient."""
        hostile = {
            "User-Agent": CANARY.name.encode("ascii", "ignore").decode(),
            "Referer": f"https://example.org/?patient={quote(CANARY.name)}",
            "X-Forwarded-For": CANARY.email,
            "Cookie": f"name={quote(CANARY.name)}",
            "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
            "tracestate": f"patient={CANARY.email.replace('@', '-')}",
            "baggage": f"email={quote(CANARY.email)}",
            "Content-Type": "application/json",
        }
        if self.token:
            hostile["Authorization"] = f"Bearer {self.token}"
        data = raw if raw is not None or body is None else json.dumps(body).encode()
        with contextlib.suppress(ClientError, TimeoutError):
            async with self.session.request(
                method, self.servers.url + path, data=data, headers=hostile | dict(headers or {})
            ) as answer:
                self.statuses.append(answer.status)
                if "json" in answer.content_type:
                    return await answer.json()
        return None

    async def accounts(self) -> None:
        who = {"email": CANARY.email, "password": CANARY.password, "name": CANARY.name, "birthDate": CANARY.birth_date}
        register, login = "/api/v1/auth/register", "/api/v1/auth/login"
        await self.ask("POST", register, body=who)
        await self.ask("POST", register, body=who)
        for changed in (
            {"email": CANARY.name},
            {"email": f"{CANARY.card}@"},
            {"birthDate": CANARY.name},
            {"birthDate": CANARY.birth_date.replace("19", "29")},
            {"password": CANARY.name[:3]},
            {"name": CANARY.card * 40},
            {"name": [CANARY.name]},
            {CANARY.name: CANARY.card},
            {"name": None},
        ):
            await self.ask("POST", register, body=who | changed)
        for broken in (
            json.dumps(who).encode()[:-3],
            CANARY.name.encode("latin-1"),
            b"[" * 5000,
            json.dumps([who]).encode(),
        ):
            await self.ask("POST", register, raw=broken)
            await self.ask("POST", login, raw=broken)
        await self.ask("POST", register, body=who | {"comment": CANARY.name * 2000})
        await self.ask("POST", register, body=who, headers={"Content-Type": f"text/{CANARY.birth_date}"})
        await self.ask("POST", login, body={"email": CANARY.email, "password": CANARY.card})
        await self.ask("POST", login, body={"email": f"x{CANARY.email}", "password": CANARY.password})
        answer = await self.ask("POST", login, body={"email": CANARY.email, "password": CANARY.password})
        self.token = answer["access_token"]

    async def appointments(self) -> None:
        found = await self.ask("GET", "/api/v1/practitioners")
        practitioner = found["entry"][0]["resource"]["id"]
        await self.ask("GET", f"/api/v1/slots?practitioner={quote(CANARY.name)}")
        for period in (f"&from={quote(CANARY.name)}", f"&to={CANARY.birth_date}", f"&{quote(CANARY.email)}=1", ""):
            await self.ask("GET", f"/api/v1/slots?practitioner={practitioner}{period}")
        slots = await self.ask("GET", f"/api/v1/slots?practitioner={practitioner}")
        first, second = (entry["resource"] for entry in slots["entry"][:2])
        for slot, key, extra in (
            (first, "a" * 32, {"comment": f"{CANARY.name}, {CANARY.card}"}),
            (first, "b" * 32, {"description": CANARY.name}),
            (second, "a" * 32, {"participant": [{"actor": {"display": CANARY.name}}]}),
            (second, CANARY.email, {}),
            ({"id": CANARY.name}, "c" * 32, {}),
        ):
            body = {"resourceType": "Appointment", "slot": [{"reference": f"Slot/{slot['id']}"}]}
            await self.ask("POST", "/api/v1/appointments", body=body | extra, headers={"Idempotency-Key": key})
            await self.ask("POST", "/api/v1/appointments", body=body, headers={"Idempotency-Key": key})
        await self.ask(
            "POST", "/api/v1/appointments", body={"slot": CANARY.name}, headers={"Idempotency-Key": "d" * 32}
        )
        own = await self.ask("GET", "/api/v1/appointments")
        appointment = own["entry"][0]["resource"]["id"]
        await self.ask("GET", f"/api/v1/appointments/{appointment}")
        disguised = json.dumps(["2026-01-01T00:00:00Z", CANARY.name]).encode()
        for cursor in (CANARY.name.encode(), disguised):
            await self.ask("GET", f"/api/v1/appointments?cursor={base64.urlsafe_b64encode(cursor).decode()}")
            await self.ask("GET", f"/api/v1/appointments?cursor={quote(cursor)}")
        for _ in range(2):
            await self.ask("POST", f"/api/v1/appointments/{appointment}/cancel", body={"reason": CANARY.name})

    async def erasure(self) -> None:
        """Somebody else with the same data leaves again."""
        who = {"email": f"3{CANARY.email}", "password": CANARY.password}
        rest = {"name": CANARY.name, "birthDate": CANARY.birth_date}
        proof = {"X-Synthetic": f"{CANARY.name} {CANARY.email}".encode("ascii", "ignore").decode()}
        await self.ask("POST", "/api/v1/auth/register", body=who | rest, headers=proof)
        await self.ask("POST", "/api/v1/auth/register", body=who | rest)
        answer = await self.ask("POST", "/api/v1/auth/login", body=who)
        token = {"Authorization": f"Bearer {answer['access_token']}"}
        for _ in range(2):
            await self.ask("DELETE", f"/api/v1/patients/me?name={quote(CANARY.name)}", body=rest, headers=token)

    async def nonsense(self) -> None:
        name, email = quote(CANARY.name), quote(CANARY.email)
        for path in (f"/api/v1/appointments/{name}", f"/{name}", f"/api/v1/patients/{email}?dob={CANARY.birth_date}"):
            for method in ("GET", "POST", "PUT", "DELETE", "PROPFIND"):
                await self.ask(method, path, body={"name": CANARY.name})
                await self.ask(method, f"{path}/cancel?q={name}", body={"card": CANARY.card})
        for path in ("/", "/page.css", "/livez", "/readyz", "/version"):
            await self.ask("GET", f"{path}?name={name}&email={email}")
            await self.ask("DELETE", f"{path}?name={name}")
        for token in (CANARY.email, f"{base64.urlsafe_b64encode(CANARY.name.encode()).decode()}.e30.x", ""):
            await self.ask("GET", "/api/v1/appointments", headers={"Authorization": f"Bearer {token}"})
        await self.ask("GET", f"/static/../{name}")

    async def raw_nonsense(self) -> None:
        """What is no HTTP at all, or breaks off in the middle."""
        name = CANARY.name.encode("ascii", "ignore")
        for text in (
            b"GET /" + name + b" HTTP/9.9\r\n\r\n",
            name + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n" + name + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX-Name: " + name * 1000 + b"\r\n\r\n",
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n" + name,
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + name + b"\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.servers.ports["app"])
            writer.write(text)
            with contextlib.suppress(TimeoutError, ConnectionError):
                await writer.drain()
                await asyncio.wait_for(reader.read(1024), 0.5)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def with_failing_stores(self) -> None:
        self.servers.processes["redis"].send_signal(signal.SIGSTOP)
        await self.appointments()
        self.servers.processes["redis"].send_signal(signal.SIGCONT)
        self.servers.processes["mongod"].send_signal(signal.SIGSTOP)
        who = {
            "email": f"2{CANARY.email}",
            "password": CANARY.password,
            "name": CANARY.name,
            "birthDate": CANARY.birth_date,
        }
        await asyncio.gather(
            self.ask("POST", "/api/v1/auth/register", body=who),
            self.ask("POST", "/api/v1/auth/login", body={"email": CANARY.email, "password": CANARY.password}),
            self.ask("GET", "/api/v1/appointments"),
            self.ask("POST", f"/api/v1/appointments/{quote(CANARY.name)}/cancel"),
        )
        self.servers.processes["mongod"].send_signal(signal.SIGCONT)


async def _ready(session: ClientSession, servers: Servers) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(ClientError):
            async with session.get(f"{servers.url}/readyz") as answer:
                if answer.status == 200:
                    return
        await asyncio.sleep(PAUSE)
    pytest.fail(servers.log("app").decode(errors="replace")[-2000:])


async def _metrics_pages(session: ClientSession, servers: Servers) -> bytes:
    url = f"http://127.0.0.1:{servers.ports['metrics']}/metrics"
    pages = []
    for accept in ("text/plain", "application/openmetrics-text;version=1.0.0"):
        async with session.get(url, headers={"Accept": accept}) as answer:
            assert answer.status == 200
            pages.append(await answer.read())
    return b"\n".join(pages)


def _stored(servers: Servers) -> bytes:
    """Everything in the database as bytes; patients' fields are to be encrypted in it."""
    with servers.mongodb as client:
        assert client["appointments"]["users"].count_documents({}) >= 1, "the patient did register"
        return b"".join(
            bson.encode(document)
            for name in ("appointments", "encryption")
            for collection in client[name].list_collection_names()
            for document in client[name][collection].find()
        )


def _redis_slow_log(servers: Servers) -> bytes:
    with redis.Redis(port=servers.ports["redis"]) as client:
        keys = client.execute_command("KEYS", "*")
        return repr((client.execute_command("SLOWLOG", "GET", "-1"), keys)).encode()


def _until(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(PAUSE)


@pytest.mark.parametrize("what", CANARY.values())
def test_the_search_finds_what_it_is_looking_for_in_every_dress(what: str) -> None:
    for spelling in CANARY.values()[what]:
        for dress, form in forms(spelling):
            planted = b'{"event":"app.request","x":"' + form + b'"}\n'
            assert any(found.startswith(f"{what} in log") for found in leaks(CANARY, {"log": planted})), dress


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
def test_the_search_finds_base64_at_any_alignment(before: bytes) -> None:
    encoded = base64.b64encode(before + CANARY.email.encode() + b" and more")
    assert any("base64" in found for found in leaks(CANARY, {"span": encoded}))


def test_the_search_finds_nothing_where_nothing_is() -> None:
    harmless = (
        b'{"event": "app.request", "route": "/api/v1/appointments/{id}", "seconds": 0.0123, "trace_id": "4bf92f35"}'
    )
    assert leaks(CANARY, {"log": harmless * 50, "random": base64.b64encode(secrets.token_bytes(100_000))}) == []
