"""One request at a time through the edge, each with a deadline and one line in the ledger."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import aiohttp

from app.clock import now
from app.ledger import Entry, Operation, Outcome, Writer, instant

DEADLINE = 12.0
"""Seconds until a patient gives up; above the edge's 10 s, so that the edge always has the chance to answer."""

_BAD = frozenset({408, 429})
_SERVER_ERROR = 500
_CLIENT_ERROR = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``status`` is None when nothing did."""

    outcome: Outcome
    status: int | None
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be asked; ``due`` is when, on the monotonic clock."""

    op: Operation
    method: str
    path: str
    due: float
    body: dict[str, Any] | None = None
    token: str | None = None
    key: str | None = None
    appointment: str | None = None
    """The one to be cancelled."""


class Client:
    """Asks the edge, and tells the ledger."""

    def __init__(self, session: aiohttp.ClientSession, edge: str, ledger: Writer) -> None:
        self._session = session
        self._edge = edge.rstrip("/")
        self._ledger = ledger
        self.outcomes: Counter[Outcome] = Counter()

    async def ask(self, request: Request) -> Answer:
        """Send one request and wait for its answer, at most ``DEADLINE`` seconds; nothing that the edge does raises."""
        sent = now()
        error: str | None = None
        try:
            answer = await self._send(request)
            error = _problem(answer)
        except asyncio.CancelledError:
            self._tell(request, Answer("unknown", None, {}), instant(sent), "stopped")
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as failure:
            answer = Answer("unknown", None, {})
            error = _class(failure)
        self._tell(request, answer, instant(sent), error)
        return answer

    async def _send(self, request: Request) -> Answer:
        headers = {}
        if request.token:
            headers["Authorization"] = f"Bearer {request.token}"
        if request.key:
            headers["Idempotency-Key"] = request.key
        async with self._session.request(
            request.method, self._edge + request.path, json=request.body, headers=headers
        ) as response:
            body = await response.json(content_type=None)
        return Answer(outcome(response.status), response.status, body if isinstance(body, dict) else {})

    def _tell(self, request: Request, answer: Answer, sent_at: str, error: str | None) -> None:
        self.outcomes[answer.outcome] += 1
        good = answer.status is not None and answer.status < _CLIENT_ERROR
        booked = answer.body.get("id") if request.op == "book" else request.appointment
        self._ledger.write(
            Entry(
                at=instant(now()),
                sent_at=sent_at,
                op=request.op,
                outcome=answer.outcome,
                status=answer.status,
                latency_s=round(time.monotonic() - request.due, 4),
                backend="bookings" if request.op == "book" else "api",
                appointment=str(booked) if good and booked else None,
                key=request.key,
                error=error,
            )
        )


def outcome(status: int) -> Outcome:
    """Judge an answer as the edge's counts do."""
    return "fail" if status >= _SERVER_ERROR or status in _BAD else "ok"


def _problem(answer: Answer) -> str | None:
    """Name the problem of an answer: the last part of its type, a closed list (app/problems.py, deploy/haproxy.cfg)."""
    if answer.status is None or answer.status < _CLIENT_ERROR:
        return None
    return str(answer.body.get("type", "")).rpartition("/")[2] or "http"


def _class(failure: Exception) -> str:
    match failure:
        case TimeoutError():
            return "timeout"
        case aiohttp.ClientConnectorError():
            return "refused"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return "reset"
        case _:
            return "broken"
