"""Docker's facts, from a real HTTP server on a Unix socket that answers as the Engine API is documented.

No Docker Engine runs where these tests do: what is held here is our side of the documented API, recorded answers and
all that can go wrong on the way to them.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pytest
from aiohttp import web

from exporters.collector import Deadline
from exporters.containers import ContainersCollector, docker, engine
from exporters.containers.docker import Docker
from exporters.readings import Readings
from exporters.settings import Settings
from exporters.sources import Sources
from tests.contract.exporters_process import exporters

pytestmark = pytest.mark.usefixtures("steady_time")

A, B, C = ("a1" * 32, "b2" * 32, "c3" * 32)
SECRET = "hunter2-in-the-environment"
Found = dict[tuple[str, ...], float]


def container(name: str, state: str = "running", **changes: Any) -> dict[str, Any]:
    """Give what ``GET /containers/ID/json`` says, in the documented shape and more of it than we read."""
    return {
        "Created": "2026-11-22T19:00:00.123456789Z",
        "Path": "/docker-entrypoint.sh",
        "Args": ["--password", SECRET],
        "State": {
            "Status": state,
            "Running": state == "running",
            "Paused": False,
            "Restarting": False,
            "OOMKilled": False,
            "Dead": False,
            "Pid": 4711,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": "2026-11-22T20:00:00.123456789Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            **changes.pop("State", {}),
        },
        "Image": "sha256:" + "0" * 64,
        "Name": f"/{name}",
        "RestartCount": 0,
        "Config": {"Env": [f"PASSWORD={SECRET}"], "Image": f"{name}:1.2", "Labels": {"owner": SECRET}},
        "HostConfig": {"NetworkMode": "bridge"},
        **changes,
    }


def health(status: str, streak: int = 0) -> dict[str, Any]:
    log = [{"Start": "", "End": "", "ExitCode": 0, "Output": SECRET}]
    return {"Health": {"Status": status, "FailingStreak": streak, "Log": log}}


class Engine:
    """Speaks the part of the Engine API that reads containers; records what it was asked."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.streams: list[asyncio.Queue[bytes | None]] = []
        self.frozen = asyncio.Event()
        self.frozen.set()
        self.raw: bytes | None = None
        self.status: dict[str, int] = {}

    @asynccontextmanager
    async def listening(self, socket: Path) -> AsyncIterator[Engine]:
        app = web.Application(middlewares=[self._before])
        app.router.add_get("/containers/json", self._list)
        app.router.add_get("/containers/{id}/json", self._inspect)
        app.router.add_get("/events", self._events)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.UnixSite(runner, str(socket)).start()
        try:
            yield self
        finally:
            self.frozen.set()
            await runner.cleanup()  # which removes the socket as well

    def happen(self, action: str, identity: str) -> None:
        event = {"Type": "container", "Action": action, "Actor": {"ID": identity, "Attributes": {"owner": SECRET}}}
        for stream in self.streams:
            stream.put_nowait(json.dumps(event).encode() + b"\n")

    def count(self, path: str) -> int:
        return sum(asked.startswith(path) for _, asked in self.asked)

    @web.middleware
    async def _before(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.asked.append((request.method, request.path))
        await self.frozen.wait()
        for path, status in self.status.items():
            if request.path.startswith(path):
                return web.json_response({"message": "Forbidden"}, status=status)
        return web.Response(body=self.raw) if self.raw is not None else await handler(request)

    async def _list(self, request: web.Request) -> web.Response:
        assert request.query["all"] == "1"
        words = {"healthy": "Up 2 hours (healthy)", "unhealthy": "Up 2 hours (unhealthy)"}
        rows = [
            {
                "Id": identity,
                "Names": [told["Name"]],
                "Image": told["Config"]["Image"],
                "State": told["State"]["Status"],
                "Status": words.get(told["State"].get("Health", {}).get("Status"), "Up 2 hours"),
                "Labels": told["Config"]["Labels"],
            }
            for identity, told in self.containers.items()
        ]
        return web.json_response(rows)

    async def _inspect(self, request: web.Request) -> web.Response:
        told = self.containers.get(request.match_info["id"])
        if told is None:
            return web.json_response({"message": "No such container"}, status=404)
        return web.json_response({"Id": request.match_info["id"], **told})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        assert json.loads(request.query["filters"])["type"] == ["container"]
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        stream: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.streams.append(stream)
        try:
            while (line := await stream.get()) is not None:
                await response.write(line)
        finally:
            self.streams.remove(stream)
        return response


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    # The address of a Unix socket may have only some hundred characters.
    path = Path(os.path.relpath(tmp_path / "docker.sock"))
    return min(tmp_path / "docker.sock", path, key=lambda one: len(str(one)))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "LIST_EVERY", 0.3)
    monkeypatch.setattr(docker, "SETTLE", 0.02)
    monkeypatch.setattr(engine, "LIMIT", 0.5)


class Watch:
    """A collector that watches one socket, and a tree of control groups where there is one."""

    def __init__(self, socket: Path, cgroup: Path | None = None) -> None:
        settings = Settings(docker_socket=socket, cgroup_root=cgroup or socket.parent / "no-cgroup")
        self.sources = Sources(settings)
        self.collector = ContainersCollector.make(self.sources)
        self.docker = self.sources.use(Docker)

    async def __aenter__(self) -> Self:
        await self.collector.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.collector.close()
        await self.sources.close()

    async def page(self) -> Found:
        readings = Readings(self.collector.metrics)
        await self.collector.collect(readings, Deadline(4))
        return {
            (name, *key): value
            for name, (keys, values) in readings.series.items()
            for key, value in zip(keys, values, strict=True)
        }

    async def until(self, good: Callable[[Found], bool], *, within_s: float = 60) -> Found:
        ends = time.monotonic() + within_s
        while True:
            page = await self.page()
            if good(page):
                return page
            assert time.monotonic() < ends, page
            await asyncio.sleep(0.02)


def labels(identity: str, name: str) -> tuple[str, str, str]:
    return f"/system.slice/docker-{identity}.scope", name, f"{name}:1.2"


def the_one(page: Found, name: str, *key: str) -> str:
    """Return the value of the last label for which a set of states says 1."""
    [found] = [one[-1] for one, value in page.items() if one[:-1] == (name, *key) and value == 1]
    return found


async def test_all_containers_are_told_of_also_those_that_have_ended(socket: Path) -> None:
    async with Engine().listening(socket) as server:
        server.containers = {
            A: container("api", State=health("unhealthy", 7), RestartCount=3),
            B: container("job", "exited", State={"ExitCode": 137, "OOMKilled": True}),
            C: container("plain"),
        }
        async with Watch(socket) as watch:
            page = await watch.page()
    assert page["docker_up",] == 1
    assert {value for key, value in page.items() if key[0] == "docker_up_reason"} == {0}
    api, job, plain = labels(A, "api"), labels(B, "job"), labels(C, "plain")
    assert the_one(page, "container_state", *api) == "running"
    assert the_one(page, "container_state", *job) == "exited"
    assert the_one(page, "container_health", *api) == "unhealthy"
    assert the_one(page, "container_health", *plain) == "none"
    assert page["container_health_failing_streak", *api] == 7
    assert page["container_health_state", *api] == 0
    assert page["container_health_state", *plain] == -1
    assert ("container_health_state", *job) not in page, "nobody checks what does not run"
    assert page["container_restarts_total", *api] == 3
    assert page["container_exit_code", *job] == 137
    assert ("container_exit_code", *api) not in page
    assert page["container_oom_killed", *job] == 1
    assert SECRET not in repr(page) + repr(vars(watch.docker))
    assert {method for method, _ in server.asked} == {"GET"}


async def test_an_event_is_followed_and_nothing_else_is_asked(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "LIST_EVERY", 30.0)
    async with Engine().listening(socket) as server:
        server.containers = {A: container("api", State=health("healthy")), B: container("db")}
        async with Watch(socket) as watch:
            assert the_one(await watch.page(), "container_health", *labels(A, "api")) == "healthy"
            inspected = server.count(f"/containers/{A}"), server.count(f"/containers/{B}")
            server.containers[A]["State"] |= health("unhealthy", 3)
            server.happen("health_status: unhealthy", A)
            await watch.until(lambda page: page["container_health_state", *labels(A, "api")] == 0)
            server.containers[C] = container("new", "created")
            server.happen("create", C)
            await watch.until(lambda page: ("container_restarts_total", *labels(C, "new")) in page)
            del server.containers[C]
            server.happen("destroy", C)
            await watch.until(lambda page: ("container_restarts_total", *labels(C, "new")) not in page)
            assert server.count(f"/containers/{A}") == inspected[0] + 1
            assert server.count(f"/containers/{B}") == inspected[1] == 1
            listed = server.count("/containers/json")
            for _ in range(10):
                await watch.page()
            assert server.count("/containers/json") == listed, "a scrape asks Docker nothing"
            assert watch.docker.bill.commands["inspect"] == len([a for _, a in server.asked if a.count("/") > 2])


async def test_what_no_event_told_is_found_by_the_slow_clock(socket: Path) -> None:
    async with Engine().listening(socket) as server:
        server.containers = {A: container("api")}
        async with Watch(socket) as watch:
            await watch.page()
            server.containers[A] = container("api", "exited", State={"ExitCode": 1})
            page = await watch.until(lambda page: ("container_exit_code", *labels(A, "api")) in page)
    assert page["container_exit_code", *labels(A, "api")] == 1


async def test_an_engine_that_freezes_is_down_and_its_old_states_are_not_shown(socket: Path) -> None:
    async with Engine().listening(socket) as server:
        server.containers = {A: container("api")}
        async with Watch(socket) as watch:
            assert (await watch.page())["docker_up",] == 1
            server.frozen.clear()
            page = await watch.until(lambda page: page["docker_up",] == 0)
            assert the_one(page, "docker_up_reason") == "timeout"
            assert not [key for key in page if key[0].startswith("container_")]
            started = time.monotonic()
            await watch.page()
            assert time.monotonic() - started < 0.2, "a scrape does not wait for it"
            server.frozen.set()
            page = await watch.until(lambda page: page["docker_up",] == 1)
            assert the_one(page, "container_state", *labels(A, "api")) == "running"


async def test_an_engine_that_dies_and_comes_back_is_followed_again(socket: Path) -> None:
    server = Engine()
    server.containers = {A: container("api")}
    async with Watch(socket) as watch:
        assert not await watch.page(), "no socket, no Docker, nothing to say"
        async with server.listening(socket):
            await watch.until(lambda page: page.get(("docker_up",)) == 1)
        page = await watch.until(lambda page: page["docker_up",] == 0)
        assert the_one(page, "docker_up_reason") == "refused"
        async with server.listening(socket):
            await watch.until(lambda page: page["docker_up",] == 1)


@pytest.mark.parametrize("raw", [b"\x00\x01garbage", b'{"message": "hello"}', b'[{"Id": 7}]', b"[" * 200_000])
async def test_garbage_is_malformed_and_nothing_more(socket: Path, raw: bytes) -> None:
    async with Engine().listening(socket) as server:
        server.raw = raw
        async with Watch(socket) as watch:
            page = await watch.until(lambda page: page.get(("docker_up",)) == 0)
            assert the_one(page, "docker_up_reason") == "malformed"
            server.raw = None
            await watch.until(lambda page: page["docker_up",] == 1)


async def test_what_does_not_even_speak_http_is_malformed(socket: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read(1024)
            writer.write(b"SSH-2.0-surprise\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, path=str(socket))
    async with Watch(socket) as watch:
        page = await watch.until(lambda page: page.get(("docker_up",)) == 0)
    server.close()
    await server.wait_closed()
    assert the_one(page, "docker_up_reason") == "malformed"


async def test_garbage_among_the_events_is_told_and_the_stream_is_opened_anew(socket: Path) -> None:
    async with Engine().listening(socket) as server:
        server.containers = {A: container("api")}
        async with Watch(socket) as watch:
            await watch.page()
            server.streams[0].put_nowait(b"no json\n")
            await watch.until(lambda page: page["docker_up",] == 0)
            await watch.until(lambda page: page["docker_up",] == 1)
            assert server.count("/events") == 2


async def test_a_proxy_that_keeps_events_to_itself_is_enough(socket: Path) -> None:
    async with Engine().listening(socket) as server:
        server.status = {"/events": 403}
        server.containers = {A: container("api")}
        async with Watch(socket) as watch:
            await watch.until(lambda page: page.get(("docker_up",)) == 1)
            server.containers[A] = container("api", "exited", State={"ExitCode": 1})
            await watch.until(lambda page: ("container_exit_code", *labels(A, "api")) in page)


async def test_a_proxy_that_forbids_containers_is_denied(socket: Path) -> None:
    async with Engine().listening(socket) as server:
        server.status = {"/containers": 403}
        async with Watch(socket) as watch:
            page = await watch.until(lambda page: page.get(("docker_up",)) == 0)
    assert the_one(page, "docker_up_reason") == "denied"


async def test_one_container_that_cannot_be_inspected_costs_the_others_nothing(socket: Path) -> None:
    async with Engine().listening(socket) as server:
        server.status = {f"/containers/{A}": 500}
        server.containers = {A: container("broken"), B: container("db")}
        async with Watch(socket) as watch:
            page = await watch.until(lambda page: page.get(("docker_up",)) == 1)
    assert {key[2] for key in page if key[0] == "container_state"} == {"db"}


async def test_containers_that_come_and_go_while_they_are_asked_are_no_fault(socket: Path) -> None:
    async with Engine().listening(socket) as server:
        server.containers = {A: container("api")}
        server.status = {f"/containers/{A}": 404}
        async with Watch(socket) as watch:
            page = await watch.page()
    assert page["docker_up",] == 1
    assert not [key for key in page if key[0] == "container_state"]


@pytest.mark.parametrize("driver", ["docker/{}", "system.slice/docker-{}.scope"])
async def test_groups_and_facts_of_a_container_carry_the_same_labels(socket: Path, tmp_path: Path, driver: str) -> None:
    tree = tmp_path / "cgroup"
    for identity in (A, B):
        folder = tree / driver.format(identity)
        folder.mkdir(parents=True)
        (folder / "cpu.stat").write_text("usage_usec 1000000\n", encoding="utf-8")
    (tree / "cgroup.controllers").write_text("cpu memory\n", encoding="utf-8")
    async with Engine().listening(socket) as server:
        server.containers = {A: container("api"), B: container("db"), C: container("job", "exited")}
        async with Watch(socket, tree) as watch:
            page = await watch.page()
            server.frozen.clear()
            frozen = await watch.until(lambda page: page["docker_up",] == 0)
    for identity, name in ((A, "api"), (B, "db")):
        of = (f"/{driver.format(identity)}", name, f"{name}:1.2")
        assert page["container_cpu_usage_seconds_total", *of] == 1
        assert page["container_state", *of, "running"] == 1
        assert page["container_start_time_seconds", *of] == 1_795_377_600
        assert frozen["container_cpu_usage_seconds_total", *of] == 1, "Docker hangs, and no series is renamed"
    assert page["container_state", f"/{driver.format(C)}", "job", "job:1.2", "exited"] == 1


async def test_a_container_that_starts_is_measured_at_once_and_by_its_name(socket: Path, tmp_path: Path) -> None:
    tree = tmp_path / "cgroup"
    (tree / "docker").mkdir(parents=True)
    (tree / "cgroup.controllers").write_text("cpu memory\n", encoding="utf-8")
    async with Engine().listening(socket) as server, Watch(socket, tree) as watch:
        await watch.page()
        server.containers[A] = container("api", "created", State={"StartedAt": "0001-01-01T00:00:00Z"})
        server.happen("create", A)
        await watch.until(lambda page: ("container_oom_killed", f"/docker/{A}", "api", "api:1.2") in page)
        (tree / "docker" / A).mkdir()
        (tree / "docker" / A / "cpu.stat").write_text("usage_usec 1000000\n", encoding="utf-8")
        server.containers[A] = container("api")
        server.happen("start", A)
        of = (f"/docker/{A}", "api", "api:1.2")
        await watch.until(lambda page: ("container_cpu_usage_seconds_total", *of) in page)


async def test_a_path_that_is_no_socket_leaves_docker_out(tmp_path: Path) -> None:
    settings = Settings(docker_socket=Path("/dev/null"), cgroup_root=tmp_path)
    assert ContainersCollector.missing(settings) is not None


async def test_connections_are_kept_and_all_are_given_back(socket: Path) -> None:
    before = sockets()
    async with Engine().listening(socket) as server:
        server.containers = {f"{number:064x}": container(f"c{number}") for number in range(60)}
        async with Watch(socket) as watch:
            page = await watch.page()
            assert len([key for key in page if key[0] == "container_restarts_total"]) == 60
            assert sockets() - before <= 11, "both ends of five connections, and the one that listens"
        assert sockets() - before <= 6, "only the server's ends may be left for a moment"
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("docker")]


def sockets() -> int:
    links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))  # noqa: PTH208  # only the names
    found = 0
    for link in links:
        with suppress(OSError):
            found += os.readlink(link).startswith("socket:")  # noqa: PTH115  # same
    return found


async def test_the_process_shows_what_the_engine_says(socket: Path) -> None:
    async with Engine().listening(socket) as server:
        server.containers = {A: container("api", State=health("healthy"))}
        environment = {"EXPORTERS_DOCKER_SOCKET": str(socket), "EXPORTERS_CGROUP_ROOT": "/nowhere"}

        def page() -> str:
            with exporters("--collect", "containers", environment=environment) as process:
                return process.get().body

        body = await asyncio.to_thread(page)
    assert f'container_health_state{{id="/system.slice/docker-{A}.scope",name="api",image="api:1.2"}} 1' in body
    assert 'exporter_target_commands_total{source="docker",command="inspect"} 1' in body
    assert SECRET not in body
