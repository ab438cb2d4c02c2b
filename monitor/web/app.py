"""Puts the process together: routes, middlewares, and what is opened at start and closed at the end."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware
from yarl import URL

from monitor.catalogue.model import Catalogue
from monitor.settings import Settings
from monitor.sources.prometheus import Prometheus, connect
from monitor.store import Store
from monitor.web import answering, api, gates, hooks, oncall, pages
from monitor.web.middleware import explain, guard, measure, only_hosts
from monitor.web.reconcile import Reconciler
from monitor.web.scrape import StoreGauges
from monitor.web.scrape_quality import QualityGauges
from monitor.web.state import CONSOLE, PROMETHEUS_TIMEOUT_S, Console, Remembered, SloReader, StoreThread, suppression
from telemetry.page import add_metrics
from telemetry.webconfig import WebConfig, require_users

STATIC = Path(__file__).parent / "static"
CHARTS = Path(__file__).parents[1] / "render" / "templates" / "chart.css"
RUNBOOKS = Path(__file__).parents[2] / "runbooks"
"""Beside the package in a checkout; in an image, ``runbooks`` is copied there too."""

THREADS = 32
"""For calls that block. Python's own number (6 on two cores) is used up by two people who look while Prometheus hangs,
and then nobody can log in either."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


NO_PROTECTION = WebConfig()


def make_app(
    settings: Settings,
    store: Store,
    catalogue: Catalogue,
    *,
    protection: WebConfig = NO_PROTECTION,
    runbooks: Path = RUNBOOKS,
) -> web.Application:
    """Make the console over an open store; the caller closes the store after the app has ended.

    Raises:
        SettingsError: a file with a password cannot be read.
    """
    middlewares: list[Middleware] = [measure, guard, explain]
    # Without users, the host name is what tells our own pages from a stranger's.
    strangers = require_users(protection) if protection.users else only_hosts(_own_hosts(settings, catalogue))
    middlewares.append(strangers)
    app = web.Application(middlewares=middlewares, client_max_size=hooks.MAX_BYTES)
    prometheus = connect(settings, timeout_s=PROMETHEUS_TIMEOUT_S)
    app[CONSOLE] = console = Console(
        settings=settings,
        catalogue=catalogue,
        store=StoreThread(store),
        slos=SloReader(prometheus, catalogue, store.path),
        prometheus=prometheus,
        heard=Remembered(partial(suppression, settings.alertmanager_url, settings.alertmanager_login)),
        runbooks=runbooks,
    )
    app[gates.GATES] = gates.GateReader(prometheus, catalogue, store.path)
    console.metrics.registry.register(StoreGauges(store.path))
    console.metrics.registry.register(QualityGauges(store.path))
    app.cleanup_ctx.append(partial(_lifetime, prometheus))
    _add_routes(app)
    return app


def _add_routes(app: web.Application) -> None:
    app.add_routes(
        [
            web.post("/hooks/alertmanager", hooks.alertmanager),
            web.post("/hooks/watchdog", hooks.watchdog),
            web.get("/api/v1/alerts", api.alerts),
            web.get("/api/v1/alerts/quality", oncall.quality_json),
            web.get("/api/v1/alerts/{fingerprint}", oncall.alert_json),
            web.post("/api/v1/alerts/{fingerprint}/acknowledge", answering.acknowledge_json),
            web.get("/api/v1/slos", api.slos),
            web.get("/api/v1/slos/{name}", api.slo),
            web.get("/api/v1/slos/{name}/gate", gates.show),
            web.get("/api/v1/components", api.components),
            web.get("/api/v1/backups", api.backups),
            web.get("/api/v1/drills", api.drills),
            web.get("/api/v1/drills/{id}", api.drill),
            web.get("/api/v1/jobs", api.jobs),
            web.get("/-/healthy", _healthy),
            web.get("/-/ready", _ready),
            web.get("/", pages.home),
            web.get("/alerts", pages.alerts),
            web.get("/alerts/quality", oncall.quality),
            web.get("/alerts/{fingerprint}", oncall.alert),
            web.get("/alerts/{fingerprint}/postmortem.md", oncall.postmortem),
            web.post("/alerts/{fingerprint}/acknowledge", answering.acknowledge),
            web.post("/alerts/{fingerprint}/note", answering.note),
            web.post("/alerts/{fingerprint}/silence", answering.silence),
            web.get("/silences", oncall.silenced),
            web.post("/silences/{id}/end", answering.end_silence),
            web.get("/slos/{name}", pages.slo),
            web.get("/drills/{id}", pages.drill),
            web.get("/runbooks", pages.runbooks),
            web.get("/runbooks/{name:(?:procedures/)?[^/]+}", pages.runbook),
            web.get("/static/chart.css", _charts),
            web.static("/static", STATIC),
        ]
    )
    add_metrics(app, app[CONSOLE].metrics.registry)


async def _lifetime(prometheus: Prometheus, app: web.Application) -> AsyncIterator[None]:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="asking"))
    console = app[CONSOLE]
    interval = console.catalogue.environment.group_interval
    settings = console.settings
    await asyncio.to_thread(settings.alertmanager_login)  # a file that cannot be read is told at once
    reconciler = Reconciler(
        settings.alertmanager_url, console.store, group_interval=interval, login=settings.alertmanager_login
    )
    reconciling = asyncio.create_task(reconciler.run(), name="reconcile")
    yield
    reconciling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reconciling
    console.store.close()
    prometheus.close()


async def _charts(_: web.Request) -> web.FileResponse:
    """The sheet of the drawings, which dashboards on pages of their own have too."""
    return web.FileResponse(CHARTS)


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="healthy\n")


async def _ready(request: web.Request) -> web.Response:
    await request.app[CONSOLE].store.call(lambda store: store.get("watchdog", "latest"))
    return web.Response(text="ready\n")


def _own_hosts(settings: Settings, catalogue: Catalogue) -> frozenset[str]:
    environment = catalogue.environment
    urls = (environment.console_url, environment.webhook_url, environment.runbook_url)
    named = {host for url in urls if (host := URL(url).host)}
    listen = re.sub(r"^\[|\]$", "", settings.web_listen.rpartition(":")[0])
    return LOOPBACK | named | {listen}
