"""Puts the process together: the runner's life is the life of the small HTTP server beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import get_args

from aiohttp import web
from prometheus_client import CollectorRegistry

from monitor import clock, metrics
from monitor.catalogue.model import Catalogue
from monitor.settings import Settings
from monitor.store import Store
from monitor.work.capturing import Capturing
from monitor.work.job import Bench, Job, Outcome
from monitor.work.jobs import plan
from monitor.work.runner import Run, Runner
from monitor.work.scrape import Achieved
from telemetry import own
from telemetry.metric import counter, gauge
from telemetry.page import add_metrics
from telemetry.webconfig import WebConfig, require_users

RUNNER = web.AppKey("runner", Runner)
CAPTURING = web.AppKey("capturing", Capturing)


NO_PROTECTION = WebConfig()


def make_app(
    settings: Settings, store: Store, catalogue: Catalogue, *, protection: WebConfig = NO_PROTECTION
) -> web.Application:
    """Make the process over an open store; the caller closes it after the app has ended."""
    registry = CollectorRegistry()
    own.register(registry)
    gauge(metrics.PROCESS_START, registry).set(clock.now().timestamp())
    jobs = plan(settings, catalogue)
    bench = Bench(settings=settings, catalogue=catalogue, store=store)
    runner = Runner(bench, jobs, counting(jobs, registry))
    registry.register(Achieved(bench, runner))
    app = web.Application(middlewares=[require_users(protection)])
    add_metrics(app, registry)
    app[RUNNER] = runner
    app[CAPTURING] = Capturing(settings, catalogue)
    app.router.add_get("/-/healthy", _healthy)
    app.router.add_get("/-/ready", _ready)
    app.cleanup_ctx.append(_lifetime)
    return app


def counting(jobs: Iterable[Job], registry: CollectorRegistry) -> Callable[[Run], None]:
    """Count runs by outcome, each there from the start: of a counter that is not, the first event is never seen."""
    runs = counter(metrics.JOB_RUNS, registry)
    for job in jobs:
        for outcome in get_args(Outcome):
            runs.labels(job.name, outcome)

    def watch(run: Run) -> None:
        runs.labels(run.job, run.done.outcome).inc()

    return watch


async def _lifetime(app: web.Application) -> AsyncIterator[None]:
    runner, capturing = app[RUNNER], app[CAPTURING]
    capturing.start()
    await runner.start()
    yield
    # Both at once: whoever stops us waits for ten seconds in all.
    await asyncio.gather(runner.stop(), capturing.stop())


async def _ready(_: web.Request) -> web.Response:
    return web.Response(text="ready\n")


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="healthy\n")
