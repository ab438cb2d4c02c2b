"""``GET /api/v1/slos/NAME/gate``: may changes go out? It only reads; overrides are made by ``monitor gate``."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from http import HTTPStatus

from aiohttp import web

from monitor import clock
from monitor.catalogue.model import Catalogue, Slo
from monitor.compliance.gate import Standing, gate, standing
from monitor.sources.prometheus import Prometheus
from monitor.web.state import CONSOLE, MEMORY_S

STATUS = {True: HTTPStatus.OK, False: HTTPStatus.CONFLICT, None: HTTPStatus.SERVICE_UNAVAILABLE}


class GateReader:
    """Where each SLO stands under the policy, at most ``MEMORY_S`` old; many askers at once cost one question."""

    def __init__(self, prometheus: Prometheus, catalogue: Catalogue) -> None:
        self._prometheus, self._catalogue = prometheus, catalogue
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._known: dict[str, tuple[float, Standing]] = {}

    async def read(self, slo: Slo) -> Standing:
        """Return where an SLO stands; that Prometheus could not be asked is remembered as long."""
        async with self._locks[slo.name]:
            read_at, found = self._known.get(slo.name, (float("-inf"), None))
            if found is None or time.monotonic() - read_at > MEMORY_S:
                found = await asyncio.to_thread(standing, self._prometheus, self._catalogue, slo)
                self._known[slo.name] = (time.monotonic(), found)
            return found


GATES = web.AppKey("gates", GateReader)


async def show(request: web.Request) -> web.Response:
    """Answer 200 if changes may go out, 409 if they are frozen, 503 if nobody can say; the body tells why."""
    console = request.app[CONSOLE]
    slo = console.catalogue.slo(request.match_info["name"])
    if slo is None:
        raise web.HTTPNotFound(text="no SLO has this name: GET /api/v1/slos lists them")
    found = await request.app[GATES].read(slo)
    answer = await console.store.call(lambda store: gate(found, store, clock.now()))
    headers = {"Retry-After": "60"} if answer.allowed is None else {}
    return web.json_response(answer.to_json(), status=STATUS[answer.allowed], headers=headers)
