"""Around every request: its deadline, its measurement, its one log line, and an answer whatever happens."""

from __future__ import annotations

import secrets
import time

from aiohttp import web
from aiohttp.typedefs import Handler
from pymongo.errors import PyMongoError

from app import keys
from app.deadline import within
from app.mongodb import DatabaseUnavailable, is_transient
from app.problems import INTERNAL, UNAVAILABLE, Problem, from_http_error
from telemetry.kinds import UNMATCHED, Route, method_of, route_of
from telemetry.logs import get_logger
from telemetry.traces import trace_id

NOT_PATIENTS = frozenset({"/livez", "/readyz", "/version"})
"""Routes that patients do not ask for; with probes they are left out, so that our counts and the edge's agree."""

UNMATCHED_API = Route("/api/unmatched")
"""The route label of a path below /api/ that nothing matched."""

log = get_logger()


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Measure a request and tell it in one line, by its route's template only: paths and queries may name people."""
    metrics = request.app[keys.METRICS]
    route, method = route_of(request), method_of(request)
    started = time.perf_counter()
    metrics.active_requests.inc()
    status = 500
    try:
        response = await _answered(request, handler, route, method)
        status = response.status
        return response
    finally:
        metrics.active_requests.dec()
        seconds = time.perf_counter() - started
        if route not in NOT_PATIENTS and request.headers.get("X-Probe") != "1":
            metrics.request(method, _counted_as(route, request.path), status, seconds, trace_id())
            log.info("app.request", method=method, route=route, status=status, seconds=round(seconds, 6))


def _counted_as(route: Route, path: str) -> Route:
    """Tell unknown paths of the API from other unknown paths, as the edge does: each belongs to another promise."""
    return UNMATCHED_API if route == UNMATCHED and path.startswith("/api/") else route


async def _answered(request: web.Request, handler: Handler, route: Route, method: str) -> web.StreamResponse:
    try:
        with within(request.app[keys.SETTINGS].operation_timeout):
            return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        return error if error.status < web.HTTPBadRequest.status_code else from_http_error(error)
    except Exception as error:  # noqa: BLE001  # whatever it is: an answer for the patient, its class for the log
        return _failed(error, route, method)


def _failed(error: Exception, route: Route, method: str) -> web.Response:
    unavailable = isinstance(error, DatabaseUnavailable) or (isinstance(error, PyMongoError) and is_transient(error))
    kind = UNAVAILABLE if unavailable else INTERNAL
    error_id = secrets.token_hex(8)
    log.error("app.request_failed", method=method, route=route, status=kind.status, error=error, error_id=error_id)
    headers = {"Retry-After": "1"} if unavailable else None
    return Problem(kind, headers=headers, extra={"errorId": error_id}).response()
