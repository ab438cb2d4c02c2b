"""The synthetic patient's journey through a real front door: each failure is named, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from exporters.blackbox.families import FAILURES, STEPS
from exporters.blackbox.journey import JourneyCollector
from exporters.collector import CollectError, Deadline
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings
from exporters.sources import Sources
from tests.contract.app_api import Person, working_day
from tests.contract.clinic import Clinic, Samples, clinic
from tests.contract.exporters_process import exporters
from tests.ports import free_ports

pytestmark = pytest.mark.usefixtures("steady_time")

Found = dict[tuple[str, ...], float]
BUSINESS = ("booking_attempts_total", "appointments_transitions_total", "users_registered_total")
WHERE = {
    "register": ("POST", "/api/v1/auth/register"),
    "login": ("POST", "/api/v1/auth/login"),
    "slots": ("GET", "/api/v1/slots"),
    "book": ("POST", "/api/v1/appointments"),
    "list": ("GET", "/api/v1/appointments"),
    "cancel": ("POST", "/cancel"),
    "erase": ("DELETE", "/api/v1/patients/me"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with clinic(tmp_path_factory.mktemp("clinic"), practitioners="4", upkeep_interval="1") as running:
        yield running


@pytest.fixture(autouse=True)
def _nobody_is_left_from_the_last_test(place: Clinic) -> None:
    with place.database() as data:
        for name in ("appointments", "users", "patients"):
            data[name].delete_many({"synthetic": {"$exists": True}})


def settings(place: Clinic, url: str = "", **other: Any) -> Settings:
    usual: dict[str, Any] = {"probe_url": url or place.edge, "synthetic_secret_file": place.secret_file}
    return Settings(**usual | {"journey_prober": "test"} | other)


async def journey(chosen: Settings, *, seconds: float = 20) -> Found:
    """Make one journey, and return what came of it."""
    collector = JourneyCollector.make(Sources(chosen))
    return await again(collector, seconds=seconds)


async def again(collector: JourneyCollector, *, seconds: float = 20) -> Found:
    readings = Readings(collector.metrics)
    await collector.read(readings, Deadline(seconds))
    return flat(readings)


def flat(readings: Readings) -> Found:
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }


def verdict(found: Found) -> tuple[str, str]:
    """The step that failed and why; both "" after a success. Every state is there, and one holds at most."""
    steps = [step for step in STEPS if found["probe_journey_failed_step", step]]
    reasons = [reason for reason in FAILURES if found["probe_journey_failure_reason", reason]]
    assert len(steps) == len(reasons) == 1 - found["probe_journey_success",]
    return "".join(steps), "".join(reasons)


def left(place: Clinic) -> list[dict[str, Any]]:
    return [one for rows in place.documents().values() for one in rows if "synthetic" in one]


def patients_figures(place: Clinic) -> Samples:
    """What the app and the edge count of patients."""
    edge, app = place.counted("edge-metrics"), place.counted()
    return {
        (name, labels): value
        for (name, labels), value in (edge | app).items()
        if name in {*BUSINESS, "http_server_request_duration_seconds_count"}
        or (name == "haproxy_backend_http_requests_total" and ("proxy", "probes") not in labels)
    }


@dataclass(slots=True)
class Between:
    """Stands before the edge, hands everything on, and breaks the request that it was told to."""

    edge: str
    broken: tuple[str, str] | None = None
    how: Callable[[], Awaitable[web.StreamResponse]] | None = None
    after: bool = False
    """Whether the edge gets the request before it is broken: the work is done, and its answer lost."""
    seen: list[tuple[str, str]] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def hand_on(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path))
        hit = self.broken is not None and request.method == self.broken[0] and request.path.endswith(self.broken[1])
        if hit and not self.after:
            return await self._break()
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, self.edge + request.path_qs, data=await request.read(), headers=headers
            ) as answer,
        ):
            body = await answer.read()
            if hit:
                return await self._break()
            return web.Response(status=answer.status, body=body, headers={"Content-Type": answer.content_type})

    async def _break(self) -> web.StreamResponse:
        self.reached.set()
        assert self.how is not None
        return await self.how()


@asynccontextmanager
async def between(edge: str) -> AsyncIterator[Between]:
    made = Between(edge)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.hand_on)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


async def failing() -> web.StreamResponse:
    return web.Response(status=500)


async def hanging() -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def nonsense() -> web.StreamResponse:
    return web.Response(text="<html>", status=200)


async def lie() -> web.StreamResponse:
    return web.json_response({"resourceType": "Bundle", "entry": []})


async def test_ten_journeys_leave_the_database_and_every_figure_of_patients_as_they_were(place: Clinic) -> None:
    async with aiohttp.ClientSession() as session:
        person = await Person(session, place.edge).join()
        slot = (await person.free("practitioner-02", working_day(2)))[0]
        assert (await person.book(slot)).status == 201
    collector = JourneyCollector.make(Sources(settings(place)))
    documents, figures = place.documents(), patients_figures(place)
    probes = ("haproxy_backend_http_requests_total", frozenset({("proxy", "probes")}))
    asked = place.counted("edge-metrics")[probes]
    found = [await again(collector) for _ in range(10)]
    assert [verdict(one) for one in found] == [("", "")] * 10
    assert place.documents() == documents
    assert patients_figures(place) == figures
    assert place.counted("edge-metrics")[probes] - asked >= 10 * (len(STEPS) + 2)
    last = found[-1]
    assert (last["probe_journey_runs_total", "ok"], last["probe_journey_runs_total", "failed"]) == (10, 0)
    assert [last["probe_journey_step_success", step] for step in STEPS] == [1] * len(STEPS)
    steps = sum(last["probe_journey_step_duration_seconds", step] for step in STEPS)
    assert steps <= last["probe_journey_duration_seconds",] < steps + 0.5
    assert abs(last["probe_journey_last_success_timestamp_seconds",] - time.time()) < 60
    assert last["probe_journey_leftover",] == 0


async def test_it_books_where_nobody_misses_the_slot(place: Clinic) -> None:
    async with between(place.edge) as door:
        door.broken, door.how = WHERE["list"], failing
        found: list[datetime] = []

        async def look() -> web.StreamResponse:
            found.extend(one["start"] for one in left(place) if "start" in one)
            return web.Response(status=500)

        door.how = look
        await journey(settings(place, door.url))
    ahead = found[0] - datetime.now(UTC)  # noqa: TID251  # the app is real
    assert timedelta(days=80) <= ahead <= timedelta(days=84)
    assert left(place) == []


@pytest.mark.parametrize("step", STEPS)
async def test_the_step_that_fails_is_named_and_what_was_made_before_is_removed(place: Clinic, step: str) -> None:
    async with between(place.edge) as door:
        door.broken, door.how = WHERE[step], failing
        collector = JourneyCollector.make(Sources(settings(place, door.url)))
        found = await again(collector)
        assert verdict(found) == (step, "status")
        assert found["probe_journey_http_status_code",] == 500
        assert found["probe_journey_step_failures_total", step] == 1
        before = STEPS[: STEPS.index(step)]
        assert [one for one in STEPS if found["probe_journey_step_success", one] and one != "erase"] == [*before]
        # Without these there is no erasing, or no knowing whether it was done; of the first two only something is left.
        assert found["probe_journey_leftover",] == (step in {"login", "erase", "register", "list"})
        assert bool(left(place)) == (step in {"login", "erase"})
        door.broken = None
        assert verdict(await again(collector)) == ("", "")
    assert left(place) == []


@pytest.mark.parametrize("step", ["register", "login", "book", "erase"])
async def test_an_answer_that_is_lost_on_the_way_is_cleaned_up_after(place: Clinic, step: str) -> None:
    """The app did its work, and the journey does not know."""
    async with between(place.edge) as door:
        door.broken, door.how, door.after = WHERE[step], hanging, True
        collector = JourneyCollector.make(Sources(settings(place, door.url, journey_interval=1.5)))
        started = time.monotonic()
        found = await again(collector, seconds=1.5)
        assert time.monotonic() - started < 3
        assert verdict(found) == (step, "timeout")
        # Erased by cleaning up, or (where only the hanging step could do it) there for the next journey.
        assert left(place) == [] or (step == "login" and found["probe_journey_leftover",] == 1)
        door.broken = None
        assert verdict(await again(collector)) == ("", "")
    assert left(place) == []


@pytest.mark.parametrize(
    ("step", "how", "reason"),
    [
        ("login", nonsense, "malformed"),
        ("slots", lie, "content"),
        ("list", lie, "content"),
        ("slots", nonsense, "malformed"),
    ],
)
async def test_a_good_status_is_not_enough(
    place: Clinic, step: str, how: Callable[[], Awaitable[web.StreamResponse]], reason: str
) -> None:
    async with between(place.edge) as door:
        door.broken, door.how = WHERE[step], how
        found = await journey(settings(place, door.url))
    assert verdict(found) == (step, reason)


async def test_an_account_that_is_not_really_erased_is_a_failure(place: Clinic) -> None:
    async def pretending() -> web.StreamResponse:
        return web.Response(status=204)

    async with between(place.edge) as door:
        door.broken, door.how = WHERE["cancel"], failing
        collector = JourneyCollector.make(Sources(settings(place, door.url)))
        await again(collector)
        assert left(place) == []
        door.broken, door.how = WHERE["erase"], pretending
        assert verdict(await again(collector)) == ("erase", "content")
        door.broken = None
        await again(collector)
    assert left(place) == []


async def test_a_frozen_edge_fails_the_journey_in_time_and_the_next_one_removes_what_is_left(place: Clinic) -> None:
    edge = place.processes["edge"]
    collector = JourneyCollector.make(Sources(settings(place, journey_interval=1)))
    edge.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        found = await again(collector, seconds=1)
        assert time.monotonic() - started < 2
        assert verdict(found) == ("register", "timeout")
        assert found["probe_journey_leftover",] == 1, "it cannot know"
    finally:
        edge.send_signal(signal.SIGCONT)
    # What the edge had taken in reaches the app only now, maybe while the next journey is under way.
    collector = JourneyCollector.make(Sources(settings(place)))
    async with asyncio.timeout(60):
        while verdict(await again(collector)) != ("", "") or left(place):
            pass


async def test_nobody_there_and_a_wrong_secret_are_told_apart(place: Clinic, tmp_path: Path) -> None:
    port = free_ports("nobody")["nobody"]
    assert verdict(await journey(settings(place, f"http://127.0.0.1:{port}"))) == ("register", "refused")
    assert verdict(await journey(settings(place, "http://front-door.invalid"))) == ("register", "dns")
    wrong = tmp_path / "secret"
    wrong.write_text(secrets.token_urlsafe(48))
    found = await journey(settings(place, synthetic_secret_file=wrong))
    assert verdict(found) == ("register", "status")
    assert found["probe_journey_http_status_code",] == 403
    assert found["probe_journey_leftover",] == 0, "nobody was registered"


async def test_two_side_by_side_do_not_disturb_each_other(place: Clinic) -> None:
    collectors = [JourneyCollector.make(Sources(settings(place, journey_prober=name))) for name in ("one", "two")]

    async def five(collector: JourneyCollector) -> list[Found]:
        return [await again(collector) for _ in range(5)]

    found = await asyncio.gather(*(five(collector) for collector in collectors))
    assert [verdict(one) for row in found for one in row] == [("", "")] * 10
    assert left(place) == []


async def test_a_slot_that_somebody_else_took_is_no_failure(place: Clinic) -> None:
    async with between(place.edge) as door:
        taken = iter([409, 409])

        async def sometimes() -> web.StreamResponse:
            if (status := next(taken, None)) is not None:
                return web.json_response({"type": "/problems/slot-taken"}, status=status)
            door.broken = None
            return web.Response(status=500)

        door.broken, door.how = WHERE["book"], sometimes
        found = await journey(settings(place, door.url))
        assert verdict(found) == ("book", "status")
        taken = iter([409])
        booked = 0

        async def once() -> web.StreamResponse:
            nonlocal booked
            booked += 1
            door.broken = None
            return web.json_response({"type": "/problems/slot-taken"}, status=409)

        door.broken, door.how = WHERE["book"], once
        assert verdict(await journey(settings(place, door.url))) == ("", "")
        assert booked == 1
    assert left(place) == []


async def test_whoever_is_told_to_end_in_the_middle_cleans_up_first(place: Clinic) -> None:
    async with between(place.edge) as door:
        door.broken, door.how = WHERE["list"], hanging
        collector = JourneyCollector.make(Sources(settings(place, door.url)))
        await collector.start()
        await asyncio.wait_for(door.reached.wait(), 60)
        assert len(left(place)) == 3
        door.broken = None
        await collector.close()
    assert left(place) == []


async def test_after_a_kill_in_the_middle_the_next_run_leaves_nothing(place: Clinic) -> None:
    listen = f"127.0.0.1:{free_ports('exporters')['exporters']}"
    async with between(place.edge) as door:
        door.broken, door.how = WHERE["list"], hanging
        command = (sys.executable, "-m", "exporters", "--listen", listen, "--collect", "journey", "--probe", door.url)
        secret = {"EXPORTERS_SYNTHETIC_SECRET_FILE": str(place.secret_file)}
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **secret}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            await asyncio.wait_for(door.reached.wait(), 60)
        finally:
            process.kill()
            await process.wait()
        assert len(left(place)) == 3
        assert [one["status"] for one in left(place) if "status" in one] == ["booked"]
        door.broken = None

        def run_again() -> None:
            with exporters(*command[3:], environment=secret) as running:
                page = running.get()
                assert page.value("probe_journey_success") == 1
                assert page.value("exporter_collector_success", collector="journey") == 1
                told = [*running.log, page.body, Path(f"/proc/{running.process.pid}/cmdline").read_text()]
                assert not [text for text in told if place.secret_file.read_text().strip() in text]
                assert not [text for text in told if "synthetic.invalid" in text or "Bearer" in text]

        await asyncio.to_thread(run_again)
    assert left(place) == []


async def test_neither_patient_nor_secret_is_in_what_the_servers_keep(place: Clinic) -> None:
    requests = len([line for line in place.log("app") if line["event"] == "app.request"])
    await journey(settings(place))
    told = b"".join(file.read_bytes() for file in place.folder.glob("*.log"))
    assert b"app.ready" in told
    for text in ("synthetic.invalid", "Synthetic Patient", place.secret_file.read_text().strip()):
        assert text.encode() not in told
    assert len([line for line in place.log("app") if line["event"] == "app.request"]) == requests


async def test_before_the_first_journey_nothing_is_known_and_afterwards_a_lost_one_has_failed(place: Clinic) -> None:
    async with between(place.edge) as door:
        door.broken, door.how = WHERE["register"], hanging
        collector = JourneyCollector.make(Sources(settings(place, door.url, journey_interval=1)))
        readings = Readings(collector.metrics)
        collector.lost(readings, Reason.TIMEOUT)
        assert flat(readings) == {}
        await collector.start()
        with contextlib.suppress(TimeoutError, CollectError):
            await collector.collect(Readings(collector.metrics), Deadline(0.1))
        readings = Readings(collector.metrics)
        await collector.collect(readings, Deadline(4))
        assert verdict(flat(readings)) == ("register", "timeout")
        readings = Readings(collector.metrics)
        collector.lost(readings, Reason.ERROR)
        assert flat(readings)["probe_journey_success",] == 0
        await collector.close()
