"""The jobs under the real scheduler, with a real store: every run is recorded, and nothing ends the process."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor import clock
from monitor.backup import open_store
from monitor.backup.model import ClusterTime, ListedBackup
from monitor.backup.oplog.anchor import Anchor
from monitor.backup.progress import Progress
from monitor.errors import Unavailable
from monitor.settings import Settings
from monitor.store import Store
from monitor.store_history import SloHistory
from monitor.work import backups
from monitor.work import runner as runner_module
from monitor.work.heartbeat import beat
from monitor.work.job import Bench, Done, Job
from monitor.work.jobs import plan
from monitor.work.lookout import Lookout
from monitor.work.runner import Run, Runner
from monitor.work.schedule import Crontab, Every
from monitor.work.scrape import Achieved
from tests.contract.history import History, serve
from tests.contract.web_server import CATALOGUE, NOBODY, console
from tests.ports import free_address

HOURLY = Every(span=timedelta(hours=1))


def job(name: str, run: Callable[[Bench], Done], **fields: Any) -> Job:
    return Job(name=name, schedule=HOURLY, run=run, **({"last_success": lambda _: None} | fields))


def good(_: Bench) -> Done:
    return Done(outcome="passed")


@asynccontextmanager
async def running(directory: Path, *jobs: Job) -> AsyncIterator[tuple[Store, list[Run]]]:
    settings = Settings(run_dir=directory)
    runs: list[Run] = []
    with Store.migrate(settings.state) as store:
        bench = Bench(settings=settings, catalogue=CATALOGUE(), store=store)
        runner = Runner(bench, jobs, runs.append)
        await runner.start()
        try:
            yield store, runs
        finally:
            await runner.stop()


async def until(look: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)


def bodies(store: Store, name: str) -> list[dict[str, Any]]:
    return [record.body for record in reversed(store.records("job")) if record.body["job"] == name]


async def test_a_job_runs_at_start_and_is_recorded(tmp_path: Path) -> None:
    async with running(tmp_path, job("backup", good)) as (store, runs):
        await until(lambda: runs)
        (body,) = bodies(store, "backup")
    assert (body["outcome"], body["reason"]) == ("passed", "")
    assert body["duration_seconds"] >= 0
    assert clock.from_rfc3339(body["finished_at"]) >= clock.from_rfc3339(body["started_at"])


async def test_a_job_that_was_done_lately_waits_for_its_time(tmp_path: Path) -> None:
    lately = job("backup", good, last_success=lambda _: clock.now() - timedelta(minutes=10))
    async with running(tmp_path, lately, job("other", good)) as (store, runs):
        await until(lambda: runs)
        assert bodies(store, "backup") == []


async def test_a_run_that_was_missed_is_recorded_and_made_up_for_once(tmp_path: Path) -> None:
    missed = job("backup", good, last_success=lambda _: clock.now() - timedelta(hours=5))
    async with running(tmp_path, missed) as (store, runs):
        await until(lambda: runs)
        assert [body["outcome"] for body in bodies(store, "backup")] == ["missed", "passed"]
        assert bodies(store, "backup")[0]["reason"] == "was due 4 h ago and did not run"


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (Unavailable("MongoDB does not answer"), "unknown", "MongoDB does not answer"),
        (KeyError("secret"), "failed", "a fault in this program: KeyError, see the log"),
        (SystemExit(1), "failed", "a fault in this program: SystemExit, see the log"),
    ],
)
async def test_a_job_that_raises_is_recorded_and_the_others_go_on(
    tmp_path: Path, error: BaseException, outcome: str, reason: str
) -> None:
    def bad(_: Bench) -> Done:
        raise error

    async with running(tmp_path, job("bad", bad), job("good", good)) as (store, runs):
        await until(lambda: len(runs) == 2)
        (body,) = bodies(store, "bad")
        assert (body["outcome"], body["reason"]) == (outcome, reason)
        assert bodies(store, "good")[0]["outcome"] == "passed"


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        (Crontab(text="0 4 * * funday"), 'Invalid weekday name "funday"'),
        (Crontab(text="@daily"), "'@daily' has 1 fields; a crontab has 5"),
        (Crontab(text="0 0 30 2 *"), "'0 0 30 2 *' never comes round"),
        (Crontab(text="0 4 * * *", time_zone="Mars/Olympus"), "ZoneInfoNotFoundError, see the log"),
    ],
)
async def test_a_schedule_that_cannot_be_kept_costs_its_own_job(tmp_path: Path, schedule: Crontab, reason: str) -> None:
    settings = Settings(run_dir=tmp_path)
    drill = Job(name="drill-x", schedule=schedule, run=good, last_success=lambda _: None, possible=lambda _: False)
    runs: list[Run] = []
    with Store.migrate(settings.state) as store:
        bench = Bench(settings=settings, catalogue=CATALOGUE(), store=store)
        runner = Runner(bench, (drill, job("backup", good)), runs.append)
        await runner.start()
        await until(lambda: [run.done.outcome for run in runs] == ["failed", "passed"])
        page = {family.name: family for family in Achieved(bench, runner).collect()}
        await runner.stop()
        (body,) = bodies(store, "drill-x")
    assert (body["outcome"], body["reason"][: len("it cannot be scheduled: ")]) == (
        "failed",
        "it cannot be scheduled: ",
    )
    assert reason in body["reason"]
    late = {sample.labels["job"]: sample.value for sample in page["monitor_job_overdue"].samples}
    assert late == {"drill-x": 1.0, "backup": 0.0}


async def test_a_job_whose_past_cannot_be_read_is_tried_again_and_the_others_go_on(tmp_path: Path) -> None:
    asked: list[None] = []

    def unreadable_at_first(_: Bench) -> datetime | None:
        asked.append(None)
        if len(asked) == 1:
            raise PermissionError("backups")
        return None

    again = job("backup", good, last_success=unreadable_at_first, retry_after=timedelta(milliseconds=50))
    async with running(tmp_path, again, job("other", good)) as (store, runs):
        await until(lambda: len(runs) == 3)
        assert [body["outcome"] for body in bodies(store, "backup")] == ["failed", "passed"]
        assert bodies(store, "backup")[0]["reason"] == (
            "cannot tell when it last succeeded: PermissionError, see the log"
        )


def test_a_drill_whose_schedule_nobody_can_read_does_not_keep_the_process_from_starting(tmp_path: Path) -> None:
    catalogue = CATALOGUE()
    armed = replace(catalogue.environment, armed=True)
    drills = tuple(replace(drill, schedule="whenever") for drill in catalogue.drills)
    jobs = plan(Settings(run_dir=tmp_path), replace(catalogue, environment=armed, drills=drills))
    assert {"backup", *(f"drill-{drill.name}" for drill in drills)} <= {job.name for job in jobs}


async def test_a_failed_job_is_tried_again_soon(tmp_path: Path) -> None:
    tries: list[datetime] = []

    def second_time_lucky(_: Bench) -> Done:
        tries.append(clock.now())
        return Done(outcome="passed" if len(tries) > 1 else "failed", reason="no luck")

    again = job("backup", second_time_lucky, retry_after=timedelta(milliseconds=50))
    async with running(tmp_path, again) as (store, runs):
        await until(lambda: len(runs) == 2)
        assert [body["outcome"] for body in bodies(store, "backup")] == ["failed", "passed"]


async def test_the_first_backup_is_verified_at_once(tmp_path: Path) -> None:
    waits = job("verification", good, possible=lambda _: False)
    async with running(tmp_path, job("backup", good, then=("verification", "absent")), waits) as (_, runs):
        await until(lambda: [run.job for run in runs] == ["backup", "verification"])


async def test_a_job_without_history_keeps_its_newest_run_of_each_outcome_only(tmp_path: Path) -> None:
    beats = job("heartbeat", good, history=False, retry_after=timedelta(milliseconds=1))
    async with running(tmp_path, beats) as (store, runs):
        await until(lambda: runs)
        assert store.get("job", "heartbeat-passed-latest") is not None


async def test_a_run_that_cannot_be_recorded_is_counted_and_tried_again(tmp_path: Path) -> None:
    def breaks_the_store(bench: Bench) -> Done:
        with closing(sqlite3.connect(bench.store.path)) as connection:
            connection.execute("DROP TABLE IF EXISTS records")
        return Done(outcome="failed", reason="no luck")

    again = job("backup", breaks_the_store, retry_after=timedelta(milliseconds=50))
    async with running(tmp_path, again) as (_, runs):
        await until(lambda: len(runs) >= 2)


@pytest.mark.parametrize("name", ["monthly-report", "store-upkeep"])
def test_a_rare_job_is_not_overdue_because_others_ran_often(tmp_path: Path, name: str) -> None:
    settings = Settings(run_dir=tmp_path)
    (rare,) = (job for job in plan(settings, CATALOGUE()) if job.name == name)
    with Store.migrate(settings.state) as store:
        at = clock.now() - timedelta(hours=1)
        store.put("job", "rare", {"job": name, "outcome": "passed"}, at=at)
        for number in range(1001):
            store.put("job", f"b{number}", {"job": "backup", "outcome": "passed"})
        bench = Bench(settings=settings, catalogue=CATALOGUE(), store=store)
        last = rare.last_success(bench)
    assert last is not None
    assert abs(last - at) < timedelta(seconds=1)


def test_old_runs_are_deleted_by_a_job_of_its_own(tmp_path: Path) -> None:
    settings = Settings(run_dir=tmp_path)
    (upkeep,) = (job for job in plan(settings, CATALOGUE()) if job.name == "store-upkeep")
    with Store.migrate(settings.state) as store:
        for years in (2, 3):
            at = clock.now() - timedelta(days=365 * years)
            store.put("job", f"b{years}", {"job": "backup", "outcome": "passed"}, at=at)
        done = upkeep.run(Bench(settings=settings, catalogue=CATALOGUE(), store=store))
        assert done == Done(outcome="passed", reason="1 old records deleted")
        assert [record.id for record in store.records("job")] == ["b2"]


def test_a_copy_is_kept_up_where_there_is_one(tmp_path: Path) -> None:
    settings = Settings(run_dir=tmp_path, offsite_store=str(tmp_path / "elsewhere"))
    assert "offsite-copy" not in {job.name for job in plan(Settings(run_dir=tmp_path), CATALOGUE())}
    (copying,) = (job for job in plan(settings, CATALOGUE()) if job.name == "offsite-copy")
    open_store(settings).depot.put("sets/a.json", [b"{}"])
    with Store.migrate(settings.state) as store:
        bench = Bench(settings=settings, catalogue=CATALOGUE(), store=store)
        assert copying.run(bench) == Done(outcome="passed", reason="1 objects copied")
        assert copying.run(bench) == Done(outcome="passed")
    assert (tmp_path / "elsewhere/sets/a.json").read_bytes() == b"{}"


async def test_a_second_worker_waits_and_does_not_count_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(run_dir=tmp_path, mongodb_uri="mongodb://127.0.0.1:1/")
    (taking,) = (job for job in plan(settings, CATALOGUE()) if job.name == "backup")
    with open_store(settings).alone("work"):
        async with running(tmp_path, taking) as (store, runs):
            await until(lambda: runs)
            (body,) = bodies(store, "backup")
    assert body["outcome"] == "aborted"
    assert "work (pid" in body["reason"]
    # The other one is done: what it took is not taken again.
    monkeypatch.setattr(backups, "newest_backup", lambda _: clock.now())
    with Store.open(settings.state) as store:
        done = taking.run(Bench(settings=settings, catalogue=CATALOGUE(), store=store))
    assert done == Done(outcome="passed", reason="there is a new one already")


def test_after_a_gap_a_backup_is_due_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = clock.now().replace(microsecond=0)
    listed = ListedBackup(id="b", state="complete", type="full", at=at, recovery_point=at)
    monkeypatch.setattr(Lookout, "backups", lambda *_: (listed,))

    def history(since: int, end: int) -> Anchor:
        first, last = (ClusterTime(time=int(at.timestamp()) + seconds, increment=1) for seconds in (since, end))
        return Anchor(replica_set="rs0", key="k", digest="d", since=first, end=last)

    settings = Settings(run_dir=tmp_path)
    jobs = {job.name: job for job in plan(settings, CATALOGUE())}
    assert "backup" in jobs["oplog-chain"].then
    found: list[Anchor] = []
    monkeypatch.setattr(backups, "captured", lambda *_: found)
    with Store.migrate(settings.state) as store:
        bench = Bench(settings=settings, catalogue=CATALOGUE(), store=store)
        for since, end, expected in ((-60, 60, at), (-120, -60, at), (10, 60, None)):
            found[:] = [history(since, end)]
            assert jobs["backup"].last_success(bench) == expected
            reason = jobs["oplog-chain"].run(bench).reason
            assert ("one is due" in reason) == (expected is None)


def test_a_store_that_takes_no_lock_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings(run_dir=tmp_path, backup_store=str(tmp_path / "file/store"))
    with Store.migrate(settings.state) as store:
        bench = Bench(settings=settings, catalogue=CATALOGUE(), store=store)
        for name in ("backup", "set"):
            (job,) = (job for job in plan(settings, CATALOGUE()) if job.name == name)
            with pytest.raises(Unavailable, match="cannot write to"):
                job.run(bench)


def test_erasures_are_taken_over_where_there_is_a_key(tmp_path: Path) -> None:
    names = {job.name for job in plan(Settings(run_dir=tmp_path, erasure_signing_key_file=tmp_path), CATALOGUE())}
    assert names - {job.name for job in plan(Settings(run_dir=tmp_path), CATALOGUE())} == {"erasures"}


async def test_sealing_waits_for_a_prometheus_that_is_not_up_yet_and_seals_then(tmp_path: Path) -> None:
    sealing = next(job for job in plan(Settings(run_dir=tmp_path), CATALOGUE()) if job.name == "slo-sealing")
    with Store.migrate(tmp_path / "monitor.db") as store:
        away = Bench(settings=Settings(prometheus_url=NOBODY), catalogue=CATALOGUE(), store=store)
        assert not sealing.possible(away)
        with pytest.raises(Unavailable):
            sealing.run(away)
        history, now = History(), clock.now()
        name = "haproxy_backend_http_responses_total"
        minutes = [now - timedelta(minutes=number) for number in range(3 * 24 * 60, 0, -1)]
        history.add(name, {"proxy": "api", "code": "2xx"}, [(at, at.timestamp()) for at in minutes])
        with serve(history, tmp_path) as prometheus:
            there = replace(away, settings=Settings(prometheus_url=prometheus.url))
            assert sealing.possible(there)
            first, second = sealing.run(there), sealing.run(there)
        days = SloHistory(store).days("availability", now - timedelta(days=5), now)
    assert (first.outcome, second) == ("passed", Done(outcome="passed", reason="nothing to seal"))
    assert len(days) in {2, 3}
    # Where clocks are changed, a day has an hour more or less.
    assert days[-1].total_events == pytest.approx(86_400, rel=0.05)


async def test_stopping_asks_long_work_to_give_up(tmp_path: Path) -> None:
    started = threading.Event()

    def long(bench: Bench) -> Done:
        while True:
            started.set()
            bench.progress(Progress(step="copying"))
            time.sleep(0.01)

    async with running(tmp_path, job("backup", long)) as (store, _):
        await until(started.is_set)
    with Store.open(store.path) as afterwards:
        assert bodies(afterwards, "backup")[0]["outcome"] == "aborted"


async def test_work_that_does_not_give_up_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "STOP_S", 0.3)
    started, release = threading.Event(), threading.Event()

    def deaf(_: Bench) -> Done:
        started.set()
        release.wait(120)
        return Done(outcome="passed")

    begun = time.monotonic()
    try:
        async with running(tmp_path, job("backup", deaf)):
            await until(started.is_set)
            begun = time.monotonic()
        assert time.monotonic() - begun < 30
    finally:
        release.set()


async def test_the_heartbeat_is_silent_while_the_chain_is_broken(tmp_path: Path) -> None:
    url = tmp_path / "heartbeat-url"
    async with console(tmp_path) as (client, store):
        web = str(client.make_url("/"))
        url.write_text(f"{web}-/healthy\n", encoding="utf-8")
        settings = Settings(
            run_dir=tmp_path, heartbeat_url_file=url, web_url=web, prometheus_url=web, alertmanager_url=web
        )
        assert await asyncio.to_thread(beat, settings, store) == "not sent: the Watchdog was never seen"
        store.put("watchdog", "latest", {}, at=clock.now() - timedelta(minutes=4))
        assert await asyncio.to_thread(beat, settings, store) == "not sent: the Watchdog was last seen 4 min ago"
        store.put("watchdog", "latest", {})
        assert await asyncio.to_thread(beat, settings, store) == ""
        url.write_text("http://[::1\n", encoding="utf-8")
        assert "cannot be reached" in await asyncio.to_thread(beat, settings, store)
        dead = Settings(run_dir=tmp_path, heartbeat_url_file=url, web_url=web, alertmanager_url="http://127.0.0.1:9")
        assert "cannot be reached" in await asyncio.to_thread(beat, dead, store)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("ping", ""),
        ("moved", ""),
        ("lost", "the heartbeat's receiver answered 404"),
        ("locked", "the heartbeat's receiver answered 401"),
    ],
)
async def test_a_heartbeat_that_was_not_taken_is_said_not_to_be(tmp_path: Path, path: str, said: str) -> None:
    """One that moved, or wants a password, raises the alarm somewhere else, and here all would look well."""
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.path)
        status = {"/ping": 200, "/moved": 301, "/locked": 401}.get(request.path, 404)
        return web.Response(status=status, headers={"Location": "/ping"} if status == 301 else {})

    receiver = web.Application()
    receiver.router.add_get("/{path:.*}", answer)
    async with console(tmp_path) as (client, store), TestServer(receiver, host="127.0.0.1") as server:
        ours = str(client.make_url("/"))
        (tmp_path / "url").write_text(str(server.make_url(f"/{path}")), encoding="utf-8")
        settings = Settings(
            run_dir=tmp_path,
            heartbeat_url_file=tmp_path / "url",
            web_url=ours,
            prometheus_url=ours,
            alertmanager_url=ours,
        )
        store.put("watchdog", "latest", {})
        assert await asyncio.to_thread(beat, settings, store) == said
    assert ("/ping" in calls) == (not said)


def test_the_process_answers_survives_a_database_that_is_away_and_ends_when_told(tmp_path: Path) -> None:
    address = free_address()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_")}
    command = [sys.executable, "-m", "monitor", "--run-dir", str(tmp_path), "work"]
    process = subprocess.Popen(command, env=environ | {"MONITOR_WORK_LISTEN": address}, stdout=subprocess.DEVNULL)
    try:
        page = fetch(f"http://{address}/metrics", lambda text: 'runs_total{job="backup",outcome="failed"} 1.0' in text)
        assert 'monitor_job_overdue{job="backup"} 0.0' in page
        assert "dr_recovery_point" not in page
        at = clock.to_rfc3339(clock.now())
        # What anybody records counts: here a drill that was run by hand.
        with Store.open(tmp_path / "state" / "monitor.db") as store:
            store.put("drill", "d", {"drill": "x", "outcome": "passed", "finished_at": at, "measurements": {}})
        fetch(f"http://{address}/metrics", lambda text: 'dr_drill_result{drill="x"} 1.0' in text)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()


def fetch(url: str, good_enough: Callable[[str], bool]) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urlopen(url, timeout=5) as answer:  # noqa: S310  # an address that we have just made
                text: str = answer.read().decode()
        except OSError:
            text = ""
        if good_enough(text):
            return text
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
