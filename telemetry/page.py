"""The metrics page of a process: rendered off the event loop, because a large page would stall every request."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from telemetry import own

_WORTH_COMPRESSING = 1024


def make_metrics_app(registry: CollectorRegistry, *middlewares: Middleware) -> web.Application:
    """Serve ``/metrics`` (see ``add_metrics``) and ``/-/healthy``."""
    app = web.Application(middlewares=middlewares)
    add_metrics(app, registry)
    app.router.add_get("/-/healthy", _healthy)
    return app


def add_metrics(app: web.Application, registry: CollectorRegistry) -> None:
    """Add ``/metrics`` to an application: text or OpenMetrics, by ``Accept``; ``?name[]=`` selects families."""
    # One thread: two scrapes at once wait for each other instead of fighting over the interpreter.
    renderer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metrics-page")

    async def metrics(request: web.Request) -> web.Response:
        accept = ",".join(request.headers.getall("Accept", []))
        compress = "gzip" in request.headers.get("Accept-Encoding", "")
        names = tuple(request.query.getall("name[]", []))
        loop = asyncio.get_running_loop()
        body, content_type, compressed = await loop.run_in_executor(
            renderer, _render, registry, accept, names, compress
        )
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if compressed:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)

    async def close_renderer(_: web.Application) -> AsyncIterator[None]:
        yield
        renderer.shutdown(wait=False, cancel_futures=True)

    app.router.add_get("/metrics", metrics)
    app.cleanup_ctx.append(close_renderer)


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _render(
    registry: CollectorRegistry,
    accept: str,
    names: tuple[str, ...],
    compress: bool,  # noqa: FBT001  # handed through an executor
) -> tuple[bytes, str, bool]:
    started = time.perf_counter()
    encode, content_type = choose_encoder(accept)
    body = encode(registry.restricted_registry(list(names)) if names else registry)
    size = len(body)
    compress = compress and size > _WORTH_COMPRESSING
    if compress:
        body = gzip.compress(body, compresslevel=1, mtime=0)
    own.page_seconds.set(time.perf_counter() - started)
    own.page_bytes.set(size)
    return body, content_type, compress
