"""What every request passes: time it, guard it, and turn every error into an answer for a program or for a person."""

from __future__ import annotations

import errno
import secrets
import sqlite3
import time
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from monitor.errors import SettingsError, Unavailable
from monitor.web.hooks import refused
from monitor.web.pages import error_page
from monitor.web.state import CONSOLE
from telemetry import logs
from telemetry.kinds import method_of, route_of

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_TURNED_AWAY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.MISDIRECTED_REQUEST})

log = logs.get_logger()


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count the request and its duration, by route template."""
    begun = time.monotonic()
    status = HTTPStatus.INTERNAL_SERVER_ERROR.value
    try:
        response = await handler(request)
        status = response.status
        if status in _TURNED_AWAY and request.path.startswith("/hooks/"):
            # It never came as far as the receiver, which counts what it refuses itself.
            refused(request, status)
    finally:
        duration = request.app[CONSOLE].metrics.request_duration
        duration.labels(method_of(request), route_of(request), str(status)).observe(time.monotonic() - begun)
    return response


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add the security headers; refuse a host name that is not ours.

    A web page may point its own name at 127.0.0.1 and read what answers there; it cannot change the Host header.
    """
    response = await handler(request)
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/static/"):
        # Asked for again each time, or a browser shows new pages with the old sheet for days after an upgrade.
        response.headers.setdefault("Cache-Control", "no-cache")
    return response


def only_hosts(allowed: frozenset[str]) -> Middleware:
    """Make a middleware that refuses requests for any other host name."""

    @web.middleware
    async def check_host(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _host(request) not in allowed:
            raise web.HTTPMisdirectedRequest(text="this console is not known by that host name")
        return await handler(request)

    return check_host


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into problem+json (RFC 9457) for programs, and into a page for people."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            # Answered, not raised on: what is raised passes by the headers, and is counted as an error of ours.
            return web.Response(status=error.status, headers=error.headers)
        return _answer(request, error.status, error.text or error.reason, dict(error.headers))
    except (Unavailable, SettingsError) as error:  # the latter: the file with a source's password is gone
        log.warning("web.source_unavailable", error=error)
        return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "5"})
    except sqlite3.OperationalError as error:
        log.error("web.source_unavailable", source="store", error=error)  # noqa: TRY400  # our logger's error takes it
        detail = "The monitor's own store cannot be used now: see the disk that holds it."
        return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"})
    except Exception as error:  # noqa: BLE001  # the last line of defence: logged, counted, answered
        return _failed(request, error)


def _failed(request: web.Request, error: Exception) -> web.Response:
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # aiohttp's route of static files lets it pass
        return _answer(request, HTTPStatus.NOT_FOUND, "No file has so long a name.", {})
    error_id = secrets.token_hex(8)
    log.error(
        "web.request_failed",
        method=method_of(request),
        route=route_of(request),
        status=500,
        error=error,
        error_id=error_id,
    )
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, f"Our fault; it is logged as {error_id}.", {})


def _answer(request: web.Request, status: int, detail: str, headers: dict[str, str]) -> web.Response:
    kept = {name: value for name, value in headers.items() if name in {"Allow", "Retry-After"}}
    title = HTTPStatus(status).phrase
    if request.path.startswith(("/api/", "/hooks/", "/-/", "/metrics")):
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        return web.json_response(body, status=status, headers=kept, content_type="application/problem+json")
    return error_page(request, status, title, detail, kept)


def _host(request: web.Request) -> str:
    try:
        return URL(f"http://{request.host}").host or ""
    except ValueError:
        return ""
