"""The errors that a client may see: RFC 9457 problem details from a closed list, never an exception's own text."""

from __future__ import annotations

import json
from dataclasses import dataclass

from aiohttp import web

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of error: its stable name (the last part of the ``type`` URI), HTTP status and title."""

    name: str
    status: int
    title: str


INVALID_REQUEST = ProblemType("invalid-request", 400, "The request is not as documented")
IDEMPOTENCY_KEY_MISSING = ProblemType("idempotency-key-missing", 400, "A booking needs an Idempotency-Key")
UNAUTHENTICATED = ProblemType("unauthenticated", 401, "A valid access token is needed")
WRONG_CREDENTIALS = ProblemType("wrong-credentials", 401, "E-mail or password is wrong")
FORBIDDEN = ProblemType("forbidden", 403, "This is not for you")
NOT_FOUND = ProblemType("not-found", 404, "There is no such thing, or it is not yours")
METHOD_NOT_ALLOWED = ProblemType("method-not-allowed", 405, "This address does not take this method")
SLOT_TAKEN = ProblemType("slot-taken", 409, "This time has just been taken")
PATIENT_BUSY = ProblemType("patient-busy", 409, "You already have an appointment at this time")
STATE_CONFLICT = ProblemType("state-conflict", 409, "The appointment's status does not allow this")
PAYLOAD_TOO_LARGE = ProblemType("payload-too-large", 413, "The request is too large")
UNSUPPORTED_MEDIA_TYPE = ProblemType("unsupported-media-type", 415, "The body must be application/json")
KEY_REUSED = ProblemType("idempotency-key-reused", 422, "This Idempotency-Key belongs to another booking")
SLOT_UNKNOWN = ProblemType("slot-unknown", 422, "This is not a time that can be booked")
TOO_MANY_REQUESTS = ProblemType("too-many-requests", 429, "Too many requests at once")
INTERNAL = ProblemType("internal", 500, "Something went wrong on our side")
UNAVAILABLE = ProblemType("unavailable", 503, "The service cannot answer now")

PROBLEMS = (
    INVALID_REQUEST,
    IDEMPOTENCY_KEY_MISSING,
    UNAUTHENTICATED,
    WRONG_CREDENTIALS,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    SLOT_TAKEN,
    PATIENT_BUSY,
    STATE_CONFLICT,
    PAYLOAD_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    KEY_REUSED,
    SLOT_UNKNOWN,
    TOO_MANY_REQUESTS,
    INTERNAL,
    UNAVAILABLE,
)

_BY_STATUS = {problem.status: problem for problem in reversed(PROBLEMS)}


class Problem(Exception):  # noqa: N818  # RFC 9457's own word
    """Ends a request with a problem.

    ``detail`` and ``extra`` are written by this code for the client; they never quote what a client or a server said.
    """

    def __init__(
        self,
        kind: ProblemType,
        detail: str = "",
        *,
        headers: dict[str, str] | None = None,
        extra: dict[str, object] | None = None,
    ) -> None:
        super().__init__(kind.name)
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra or {}

    def response(self) -> web.Response:
        """Write the problem as an answer."""
        body: dict[str, object] = {
            "type": f"/problems/{self.kind.name}",
            "title": self.kind.title,
            "status": self.kind.status,
        }
        if self.detail:
            body["detail"] = self.detail
        return web.Response(
            status=self.kind.status,
            text=json.dumps(body | self.extra),
            content_type=CONTENT_TYPE,
            headers={"Cache-Control": "no-store"} | self.headers,
        )


def from_http_error(error: web.HTTPException) -> web.Response:
    """Turn aiohttp's own errors (no route, wrong method, too large a body) into problems from the list."""
    allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    return Problem(
        _BY_STATUS.get(
            error.status, INTERNAL if error.status >= web.HTTPInternalServerError.status_code else INVALID_REQUEST
        ),
        headers=allow,
    ).response()
