"""Runs the jobs by APScheduler and records each run. A job that fails, or cannot be scheduled, never ends the process.

The schedule is in memory only: what is due after a start follows from what the store and the backups say was achieved.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar, cast

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor import clock
from monitor.errors import Busy, MonitorError, Unavailable
from monitor.store import Store
from monitor.work.job import Bench, Done, Job, Stopping
from monitor.work.schedule import Start, start
from telemetry import logs

T = TypeVar("T")

STOP_S = 8.0
"""How long running jobs may take to give up when the process ends; whoever stops us waits 10 s before killing."""

LATE = timedelta(minutes=1)
"""A run that starts this much after its time was missed: the machine slept, or the process was stopped."""

log = logs.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a job, as it is recorded."""

    job: str
    started_at: datetime
    finished_at: datetime
    duration_seconds: float
    done: Done


class Runner:
    """The scheduler with its jobs. ``watch`` is called with each finished run."""

    def __init__(self, bench: Bench, jobs: tuple[Job, ...], watch: Callable[[Run], None]) -> None:
        self.jobs = {job.name: job for job in jobs}
        self.unscheduled: set[str] = set()
        """Jobs whose schedule cannot be kept, whatever the catalogue says: they are overdue for as long as we run."""
        self.began_at = clock.now()
        self._bench = bench
        self._watch = watch
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._due: dict[str, datetime] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Schedule every job, those first that are due now."""
        self._scheduler.start()
        for job in self.jobs.values():
            try:
                await self._schedule(job)
            except Exception as error:  # noqa: BLE001  # whatever it is: one job must not stop the others
                self.unscheduled.add(job.name)
                await self._blame(job, f"it cannot be scheduled: {_sentence(error)}", error)

    async def stop(self) -> None:
        """Ask running jobs to give up, wait for them, and leave behind those that do not: a thread dies with us."""
        self._scheduler.pause()
        self._bench.stop.set()
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_S)
        self._scheduler.shutdown(wait=False)

    async def _schedule(self, job: Job) -> None:
        now = clock.now()
        job.schedule.after(now)  # raises here, before anything is noted, what would raise at each scrape
        first = await self._first(job, now)
        if first.missed_at is not None:
            log.warning("work.job_missed", job=job.name, due_at=clock.to_rfc3339(first.missed_at))
            await self._note(job, lambda bench: _record_missed(bench.store, job, first.missed_at or now, now))
            if not await self._in_thread(job.possible):
                first = replace(first, at=None)
        at = {} if first.at is None else {"next_run_time": first.at}
        self._scheduler.add_job(
            self._fire,
            job.schedule.trigger(),
            args=(job,),
            id=job.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            **at,
        )
        self._note_due(job)

    async def _first(self, job: Job, now: datetime) -> Start:
        """Decide when a job runs first. If its past cannot be read, that is a failed run like any other."""
        try:
            return await self._in_thread(
                lambda bench: start(job.schedule, job.last_success(bench), now, at_first=job.possible(bench))
            )
        except Exception as error:  # noqa: BLE001  # whatever it is: the job goes on by its schedule
            await self._blame(job, f"cannot tell when it last succeeded: {_sentence(error)}", error)
            return Start(at=None if job.retry_after is None else now + job.retry_after)

    async def _blame(self, job: Job, reason: str, error: Exception) -> None:
        """Record and count as a failed run what kept a job from running at all."""
        log.error("work.job_failed", job=job.name, error=error)
        now = clock.now()
        done = Done(outcome="failed", reason=reason)
        run = Run(job=job.name, started_at=now, finished_at=now, duration_seconds=0.0, done=done)
        await self._note(job, lambda bench: _record(bench.store, job, run))
        self._watch(run)

    async def _fire(self, job: Job) -> None:
        task = asyncio.current_task()
        assert task is not None, "the scheduler runs this as a task"
        self._running.add(task)
        try:
            due, now = self._due.get(job.name, clock.now()), clock.now()
            self._note_due(job)
            if now - due > LATE:
                log.warning("work.job_missed", job=job.name, due_at=clock.to_rfc3339(due))
                await self._note(job, lambda bench: _record_missed(bench.store, job, due, now))
            run = await self._run(job)
            self._watch(run)
            if run.done.outcome == "passed":
                for follower in job.then:
                    await self._advance_if_due(follower)
            elif job.retry_after is not None:
                self._advance(job, clock.now() + job.retry_after)
        finally:
            self._running.discard(task)

    async def _run(self, job: Job) -> Run:
        log.info("work.job_started", job=job.name)
        started_at, begun = clock.now(), time.monotonic()
        try:
            done = await self._in_thread(job.run)
        except Stopping as error:
            done = Done(outcome="aborted", reason=str(error))
        except Busy as error:
            # Another worker is at it: that is what the lease is for.
            done = Done(outcome="aborted", reason=str(error))
        except Unavailable as error:
            done = Done(outcome="unknown", reason=str(error))
        except MonitorError as error:
            done = Done(outcome="failed", reason=str(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # recorded and logged: one job must not end all of them
            done = Done(outcome="failed", reason=f"a fault in this program: {type(error).__name__}, see the log")
            log.error("work.job_failed", job=job.name, error=error)  # noqa: TRY400  # our logger's error takes it
        seconds = time.monotonic() - begun
        log.info("work.job_finished", job=job.name, outcome=done.outcome, seconds=round(seconds, 3))
        run = Run(job=job.name, started_at=started_at, finished_at=clock.now(), duration_seconds=seconds, done=done)
        await self._note(job, lambda bench: _record(bench.store, job, run))
        return run

    async def _note(self, job: Job, write: Callable[[Bench], None]) -> None:
        """Write into the store. A full or locked disk costs the record, not the count, the followers or the retry."""
        try:
            await self._in_thread(write)
        except (sqlite3.Error, Unavailable) as error:
            log.error("work.record_failed", job=job.name, error=error)  # noqa: TRY400  # our logger's error takes it

    async def _advance_if_due(self, name: str) -> None:
        job = self.jobs.get(name)
        if job is None:
            return
        now = clock.now()
        last = clock.credible(await self._in_thread(job.last_success), now)
        if last is None or job.schedule.after(last) <= now:
            self._advance(job, now)

    def _advance(self, job: Job, at: datetime) -> None:
        """Run a job at a time, unless it will run sooner anyway."""
        planned = self._scheduler.get_job(job.name)
        if planned is not None and planned.next_run_time > at and not self._bench.stop.is_set():
            self._scheduler.modify_job(job.name, next_run_time=at)
            self._note_due(job)

    def _note_due(self, job: Job) -> None:
        planned = self._scheduler.get_job(job.name)
        if planned is not None:
            self._due[job.name] = planned.next_run_time

    async def _in_thread(self, work: Callable[[Bench], T]) -> T:
        """Run blocking work in a thread that does not keep the process alive, with its own handle on the store."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(cast("T", result))

        def body() -> None:
            result: T | None = None
            failure: BaseException | None = None
            try:
                with Store(self._bench.store.path) as store:
                    result = work(replace(self._bench, store=store))
            except BaseException as error:  # noqa: BLE001  # handed to whoever awaits
                failure = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, failure)

        threading.Thread(target=body, name="job", daemon=True).start()
        return await answer


def _sentence(error: Exception) -> str:
    """What an error says of a schedule or of our own state; foreign errors only by their class."""
    return str(error) if isinstance(error, MonitorError | ValueError) else f"{type(error).__name__}, see the log"


def _record(store: Store, job: Job, run: Run) -> None:
    body = {
        "job": job.name,
        "started_at": clock.to_rfc3339(run.started_at),
        "finished_at": clock.to_rfc3339(run.finished_at),
        "duration_seconds": round(run.duration_seconds, 3),
        "outcome": run.done.outcome,
        "reason": run.done.reason,
    }
    record_id = clock.new_id(job.name, run.started_at) if job.history else f"{job.name}-{run.done.outcome}-latest"
    store.put("job", record_id, body, at=run.finished_at)


def _record_missed(store: Store, job: Job, due: datetime, now: datetime) -> None:
    body = {
        "job": job.name,
        "started_at": clock.to_rfc3339(due),
        "finished_at": clock.to_rfc3339(now),
        "duration_seconds": None,
        "outcome": "missed",
        "reason": f"was due {clock.humanize(now - due)} ago and did not run",
    }
    store.put("job", clock.new_id(f"{job.name}-missed", now), body, at=now)
