"""The HTTP side: pages for Prometheus, pages for people, and what says that the process lives."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware
from isal import igzip

import telemetry.own
from exporters import markup, people
from exporters.cardinality import as_json, rows
from exporters.negotiate import wants_gzip
from exporters.page import Flavour
from exporters.result import Snapshot
from exporters.scrape import Scraper
from exporters.service import Service
from exporters.settings import SettingsError

_SERVICE = web.AppKey("service", Service)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


def make_app(service: Service, middlewares: Sequence[Middleware] = ()) -> web.Application:
    """Build the application; it starts the service with itself and closes it at its end."""
    app = web.Application(middlewares=(*middlewares, service.require_users()))
    app[_SERVICE] = service
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/probe", _probe)
    app.router.add_get("/sd", _discovery)
    app.router.add_get("/cardinality", _cardinality)
    app.router.add_get("/-/healthy", _well)
    app.router.add_get("/-/ready", _well)
    app.router.add_post("/-/reload", _reload)
    app.router.add_put("/-/reload", _reload)
    app.router.add_get("/", _landing)
    app.on_startup.append(_start)
    app.on_cleanup.append(_close)
    return app


async def _start(app: web.Application) -> None:
    await app[_SERVICE].start()


async def _close(app: web.Application) -> None:
    await app[_SERVICE].close()


async def _metrics(request: web.Request) -> web.Response:
    return await _page(request, request.app[_SERVICE].fleet.main.scraper)


async def _probe(request: web.Request) -> web.Response:
    """Scrape a target by its name: never by an address, or whoever can reach us could reach whatever we can."""
    name = request.query.get("target")
    if not name:
        return _plain(400, "which target? /probe?target=NAME; /sd lists them")
    watched = request.app[_SERVICE].fleet.targets.get(name)
    if watched is None:
        return _plain(404, "there is no such target in the targets file; /sd lists those that are")
    return await _page(request, watched.scraper)


async def _page(request: web.Request, scraper: Scraper) -> web.Response:
    only = frozenset(request.query.getall("collect[]", ())) if request.query_string else frozenset()
    if not only <= scraper.names:
        return _plain(400, f"collect[] names a collector that does not run here; there are {_listed(scraper.names)}")
    flavour = Flavour.accepted(_joined(request, "Accept"))
    snapshot = await scraper.scrape(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds"), only)
    zipped = wants_gzip(_joined(request, "Accept-Encoding"))
    headers = {"Content-Type": flavour.value, "Vary": "Accept, Accept-Encoding"}
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=_written(scraper, snapshot, flavour, zipped=zipped), headers=headers)


def _written(scraper: Scraper, snapshot: Snapshot, flavour: Flavour, *, zipped: bool) -> bytes:
    """Write a scrape's page once, for however many share it."""
    body = snapshot.bodies.get((flavour, zipped))
    if body is not None:
        return body
    started = time.perf_counter()
    body = scraper.render(snapshot, flavour)
    telemetry.own.page_seconds.set(time.perf_counter() - started)
    telemetry.own.page_bytes.set(len(body))
    if zipped:
        # Level 1: a tenth of level 9's time for a page that is a fifth larger, on a network that is next door.
        body = igzip.compress(body, compresslevel=1, mtime=0)
    snapshot.bodies[flavour, zipped] = body
    return body


async def _discovery(request: web.Request) -> web.Response:
    """List the targets as Prometheus's http_sd_configs reads them; a target is scraped here, under its own name."""
    service = request.app[_SERVICE]
    address = request.host if _HOST.fullmatch(request.host) else service.address
    groups = [
        {
            "targets": [address],
            "labels": {
                "__scheme__": "https" if request.secure else "http",
                "__metrics_path__": "/probe",
                "__param_target": name,
                "__meta_collectors": ",".join(sorted(watched.scraper.names)),
                "instance": name,
                "target": name,
            },
        }
        for name, watched in sorted(service.fleet.targets.items())
    ]
    return web.json_response(groups, dumps=lambda found: json.dumps(found, indent=1))


async def _cardinality(request: web.Request) -> web.Response:
    found = rows(request.app[_SERVICE].fleet)
    if request.query.get("format") == "json":
        return web.json_response(as_json(request.app[_SERVICE].fleet, found), headers=markup.NOT_KEPT)
    return markup.answer(people.cardinality(request.app[_SERVICE].fleet, found))


async def _landing(request: web.Request) -> web.Response:
    return markup.answer(people.landing(request.app[_SERVICE]))


async def _reload(request: web.Request) -> web.Response:
    if _sent_by_another_page(request):
        return _plain(403, "another site's page asked for this")
    try:
        await request.app[_SERVICE].reload()
    except SettingsError as error:
        return _plain(500, f"nothing was changed:\n{error}")
    return _plain(200, "reloaded")


async def _well(_request: web.Request) -> web.Response:
    """Both endpoints: a source that is down makes a metric, never an exporter that asks to be restarted."""
    return web.Response(text="OK\n")


def _sent_by_another_page(request: web.Request) -> bool:
    """Tell whether a browser says that some other site makes it ask: it would send our user's password along."""
    origin = request.headers.get("Origin")
    strange = origin is not None and urlsplit(origin).netloc != request.host
    return strange or request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}


def _joined(request: web.Request, header: str) -> str:
    found = request.headers.getall(header, ())
    return found[0] if len(found) == 1 else ",".join(found)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _plain(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text + "\n", headers={"X-Content-Type-Options": "nosniff"})
