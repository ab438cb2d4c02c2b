"""The HTTP side: ``/metrics``, ``/-/healthy``, ``/-/ready`` and a page that says what is here."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import html
import time
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

import telemetry.own
from exporters.own import package_version
from exporters.page import Flavour
from exporters.scrape import Scraper

_SCRAPER = web.AppKey("scraper", Scraper)
_NAMES = web.AppKey("names", tuple[str, ...])

_CLOSE_LIMIT = 5.0
"""Seconds that closing connections may take at the end."""


def make_app(scraper: Scraper, names: tuple[str, ...], middlewares: Sequence[Middleware] = ()) -> web.Application:
    """Build the application; it starts the collectors with itself and closes them at its end."""
    app = web.Application(middlewares=middlewares)
    app[_SCRAPER] = scraper
    app[_NAMES] = names
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/-/healthy", _well)
    app.router.add_get("/-/ready", _well)
    app.router.add_get("/", _landing)
    app.on_startup.append(_start)
    app.on_cleanup.append(_close)
    return app


async def _start(app: web.Application) -> None:
    await app[_SCRAPER].start()


async def _close(app: web.Application) -> None:
    # Saying goodbye to a frozen server takes for ever; our end of the connections closes with the process.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_LIMIT):
            await app[_SCRAPER].close()


async def _metrics(request: web.Request) -> web.Response:
    flavour = Flavour.accepted(",".join(request.headers.getall("Accept", [])))
    snapshot = await request.app[_SCRAPER].scrape(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds"))
    started = time.perf_counter()
    body = request.app[_SCRAPER].render(snapshot, flavour)
    telemetry.own.page_seconds.set(time.perf_counter() - started)
    telemetry.own.page_bytes.set(len(body))
    headers = {"Content-Type": flavour.value, "Vary": "Accept, Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        # Level 1: a tenth of level 9's time for a page that is a fifth larger, on a network that is next door.
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, headers=headers)


async def _well(_request: web.Request) -> web.Response:
    """Both endpoints: a source that is down makes a metric, never an exporter that asks to be restarted."""
    return web.Response(text="OK\n")


async def _landing(request: web.Request) -> web.Response:
    rows = "".join(f"<li>{html.escape(name)}</li>" for name in request.app[_NAMES])
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Exporters</title>'
        "<style>body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:40rem;padding:0 1rem}</style>"
        f"<h1>Exporters</h1><p>Version {html.escape(package_version())}. Collectors:</p><ul>{rows}</ul>"
        '<p><a href="metrics">Metrics</a> · <a href="-/healthy">healthy</a> · <a href="-/ready">ready</a></p></html>'
    )
    return web.Response(text=page, content_type="text/html")
