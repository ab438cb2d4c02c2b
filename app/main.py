"""Puts the app together: what it needs is opened in order, one context a resource, and closed in reverse."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta

from aiohttp import web
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from app import __version__, cache, handlers, keys, lag, mongodb, page
from app.activity import Activity
from app.appointments import Appointments
from app.encryption import FieldEncryption
from app.erasure import Erasure
from app.metrics import Metrics
from app.middleware import observe
from app.passwords import Passwords
from app.readiness import Readiness
from app.schedule import make_clinic
from app.settings import (
    Settings,
    host_port,
    read_field_key,
    read_jwt_key,
    read_protection,
    read_synthetic_secret,
)
from app.slots import FreeSlots
from app.synthetic import Proofs, Synthetic
from app.tokens import Tokens
from app.upkeep import Leftovers, Upkeep
from app.users import Users
from telemetry import own, statsd, traces, webconfig
from telemetry.logs import get_logger
from telemetry.page import make_metrics_app

log = get_logger()

Context = Callable[[web.Application], AsyncIterator[None]]

_LARGEST_BODY = 16 * 1024
_ACTIVITY_INTERVAL = 5.0
"""Seconds between two writes of who was active."""

ROUTES = (
    web.post("/api/v1/auth/register", handlers.register),
    web.post("/api/v1/auth/login", handlers.login),
    web.get("/api/v1/practitioners", handlers.practitioners),
    web.get("/api/v1/slots", handlers.slots),
    web.post("/api/v1/appointments", handlers.book),
    web.get("/api/v1/appointments", handlers.own_appointments),
    web.get("/api/v1/appointments/{id}", handlers.own_appointment),
    web.post("/api/v1/appointments/{id}/cancel", handlers.cancel),
    web.delete("/api/v1/patients/me", handlers.erase_account),
    web.get("/", page.index),
    web.get("/page.css", page.style),
    web.get("/livez", handlers.livez),
    web.get("/readyz", handlers.readyz),
    web.get("/version", handlers.version),
)


def make_app(settings: Settings) -> web.Application:
    """Build the app; nothing is opened before it starts.

    Raises:
        SettingsError: a secret cannot be read or is malformed.
        ValueError: a telemetry endpoint is malformed.
    """
    registry = make_registry()
    metrics = Metrics(registry, version=__version__)
    tracing = traces.configure(
        "app",
        otlp_endpoint=settings.otlp_endpoint,
        jaeger_endpoint=settings.jaeger_endpoint,
        version=__version__,
        instance=settings.instance,
    )
    traces.instrument_clients(tracing)
    app = web.Application(middlewares=[traces.http_middleware(tracing), observe], client_max_size=_LARGEST_BODY)
    app[keys.SETTINGS] = settings
    app[keys.METRICS] = metrics
    app[keys.READINESS] = Readiness(metrics.ready)
    app[keys.CLINIC] = make_clinic(settings.practitioners, settings.time_zone, settings.horizon_days)
    app[keys.TOKENS] = Tokens(read_jwt_key(settings))
    app[keys.SYNTHETIC] = Synthetic(read_synthetic_secret(settings))
    app.cleanup_ctx.extend(
        (
            _telemetry(tracing, settings),
            _metrics_site(registry, settings),
            _password_threads,
            _stores(read_field_key(settings), read_jwt_key(settings)),
        )
    )
    app.add_routes(ROUTES)
    return app


def make_registry() -> CollectorRegistry:
    """A registry with the process's own figures and telemetry's, and without ``_created`` series, which double it."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # client_python annotates it not
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    own.register(registry)
    return registry


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain: say so, wait until the edge has noticed, finish what is in flight.

    Raises:
        SettingsError: a secret cannot be read or is malformed.
        OSError: an address cannot be listened on.
    """
    app = make_app(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=settings.shutdown_timeout)
    started = time.monotonic()
    try:
        await runner.setup()
        await web.TCPSite(runner, *host_port(settings.listen), backlog=1024).start()
        log.info(
            "app.started",
            address=settings.listen,
            metrics_address=settings.metrics_listen,
            version=__version__,
            instance=settings.instance,
        )
        await stop.wait()
        # aiohttp refuses connections as soon as it is told to stop; the edge has to look away before that.
        app[keys.READINESS].drain()
        log.info("app.draining", seconds=settings.drain_delay)
        await asyncio.sleep(settings.drain_delay)
    finally:
        await runner.cleanup()
        log.info("app.stopped", seconds=round(time.monotonic() - started, 3))


def _telemetry(tracing: traces.Tracing, settings: Settings) -> Context:
    async def context(app: web.Application) -> AsyncIterator[None]:
        metrics = app[keys.METRICS]
        metrics.statsd = statsd.connect(settings.dogstatsd_address, constant_tags={"instance": settings.instance})
        lag_task = asyncio.create_task(lag.measure(metrics.loop_lag))
        yield
        await _end(lag_task)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, metrics.statsd.close)
        await loop.run_in_executor(None, tracing.close)

    return context


def _metrics_site(registry: CollectorRegistry, settings: Settings) -> Context:
    protection = read_protection(settings)

    async def context(_app: web.Application) -> AsyncIterator[None]:
        metrics_app = make_metrics_app(registry, webconfig.require_users(protection))
        runner = web.AppRunner(metrics_app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        address = host_port(settings.metrics_listen)
        await web.TCPSite(runner, *address, ssl_context=protection.ssl_context).start()
        yield
        await runner.cleanup()

    return context


async def _password_threads(app: web.Application) -> AsyncIterator[None]:
    passwords = app[keys.PASSWORDS] = Passwords(app[keys.SETTINGS].login_queue)
    yield
    passwords.close()


def _stores(field_key: bytes, activity_key: bytes) -> Context:
    async def context(app: web.Application) -> AsyncIterator[None]:
        settings, metrics, clinic = app[keys.SETTINGS], app[keys.METRICS], app[keys.CLINIC]
        redis = cache.connect(settings)
        slots = cache.SlotCache(redis, settings, metrics)
        client = mongodb.connect(settings, metrics)
        database = mongodb.Database(client, settings, metrics)
        encryption = FieldEncryption(client, field_key, database)
        activity = app[keys.ACTIVITY] = Activity(redis, activity_key)
        app[keys.USERS] = Users(database, encryption)
        app[keys.PROOFS] = Proofs(database)
        appointments = app[keys.APPOINTMENTS] = Appointments(database)
        free = app[keys.FREE_SLOTS] = FreeSlots(clinic, database, slots)
        erasure = app[keys.ERASURE] = Erasure(
            database, appointments, free, metrics, timedelta(days=settings.erasures_noted_days)
        )
        leftovers = Leftovers(erasure, metrics, timedelta(seconds=settings.synthetic_lifetime))
        upkeep = Upkeep(database, encryption, clinic, metrics, app[keys.READINESS], leftovers)
        tasks = (
            asyncio.create_task(upkeep.run(settings.upkeep_interval)),
            asyncio.create_task(activity.run(_ACTIVITY_INTERVAL)),
        )
        yield
        for task in tasks:
            await _end(task)
        await encryption.close()
        await client.close()
        await slots.close()

    return context


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
