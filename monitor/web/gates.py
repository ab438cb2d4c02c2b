"""``GET /api/v1/slos/NAME/gate``: may changes go out? It only reads; overrides are made by ``monitor gate``."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from monitor import clock
from monitor.catalogue.model import Catalogue, Slo
from monitor.compliance.gate import gate
from monitor.compliance.policy_standing import Standing, settled, standing
from monitor.compliance.status import SloStatus
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from monitor.web.state import CONSOLE, MEMORY_S

STATUS = {True: HTTPStatus.OK, False: HTTPStatus.CONFLICT, None: HTTPStatus.SERVICE_UNAVAILABLE}

OVERVIEW_MEMORY_S = 60.0
"""The overview asks about the past of each SLO that has spent much; a state holds for hours, and there may be many."""

MOST_AT_ONCE = 4


class GateReader:
    """Where each SLO stands under the policy, at most ``MEMORY_S`` old; many askers at once cost one question."""

    def __init__(self, prometheus: Prometheus, catalogue: Catalogue, store: Path) -> None:
        self._prometheus, self._catalogue, self._store = prometheus, catalogue, store
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._known: dict[str, tuple[float, Standing]] = {}

    async def read(self, slo: Slo, *, memory_s: float = MEMORY_S) -> Standing:
        """Return where an SLO stands; that Prometheus could not be asked is remembered as long."""
        async with self._locks[slo.name]:
            read_at, found = self._known.get(slo.name, (float("-inf"), None))
            if found is None or time.monotonic() - read_at > memory_s:
                found = await asyncio.to_thread(self._ask, slo)
                self._known[slo.name] = (time.monotonic(), found)
            return found

    def _ask(self, slo: Slo) -> Standing:
        """Ask with a handle of our own on the store: the console's must not wait for Prometheus."""
        with Store.open(self._store, wait_s=0) as store:
            return standing(self._prometheus, self._catalogue, slo, store)

    async def read_all(self, statuses: Iterable[SloStatus]) -> tuple[Standing, ...]:
        """Where all SLOs stand of which the status is known; only those that have spent much are asked about."""
        at_once = asyncio.Semaphore(MOST_AT_ONCE)

        async def one(status: SloStatus) -> Standing:
            slo = self._catalogue.slo(status.name)
            assert slo is not None  # statuses are those of the catalogue
            if found := settled(slo, status):
                return found
            async with at_once:
                return await self.read(slo, memory_s=OVERVIEW_MEMORY_S)

        return tuple(await asyncio.gather(*map(one, statuses)))


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
