"""Reading requests: what is not as documented ends with a problem that names the fields, never their values."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta

from aiohttp import web

from app.clock import from_rfc3339
from app.problems import (
    IDEMPOTENCY_KEY_MISSING,
    INVALID_REQUEST,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)

MIN_PASSWORD = 12
MAX_PASSWORD = 128
_MAX_TEXT = 200
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_KEY = re.compile(r'"?([A-Za-z0-9_-]{8,64})"?')
_OLDEST_BIRTH = date(1900, 1, 1)
_LONGEST_SEARCH = timedelta(days=31)
_USUAL_SEARCH = timedelta(days=7)


async def json_fields(request: web.Request, required: tuple[str, ...]) -> dict[str, str]:
    """Read a flat JSON object of texts, all of them needed.

    Raises:
        Problem: it is not JSON, or fields are missing, unknown or no text.
    """
    body = await json_object(request, required)
    faults = {name: "is missing" for name in required if name not in body}
    faults |= {name: "should be a text" for name, value in body.items() if not isinstance(value, str)}
    faults |= {name: "should be text that UTF-8 can hold" for name, value in body.items() if not _encodable(value)}
    if faults:
        raise faulty(faults)
    return {name: str(value) for name, value in body.items()}


async def json_object(request: web.Request, known: tuple[str, ...]) -> dict[str, object]:
    """Read a JSON object whose fields are all known.

    Raises:
        Problem: it is not JSON, no object, or has an unknown field.
    """
    if request.content_type not in {"application/json", "application/fhir+json"}:
        raise Problem(UNSUPPORTED_MEDIA_TYPE)
    try:
        body = json.loads(await request.text())
    # Besides JSON's own errors: bytes that nobody can decode, a number of thousands of digits (both ValueErrors), a
    # charset that nobody knows (LookupError), brackets without end, a body not compressed as its head says.
    except (ValueError, LookupError, RecursionError, web.RequestPayloadError):
        raise Problem(INVALID_REQUEST, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Problem(INVALID_REQUEST, "The body should be a JSON object.")
    if not body.keys() <= set(known):
        raise Problem(INVALID_REQUEST, f"The body has unknown fields; known are {', '.join(sorted(known))}.")
    return body


def _encodable(value: object) -> bool:
    """Tell whether UTF-8 can hold a text; JSON can write half of a surrogate pair, which no store and no hash takes."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def faulty(faults: dict[str, str]) -> Problem:
    """Make the problem that tells faults by field."""
    rows = [{"field": field, "message": message} for field, message in faults.items()]
    return Problem(INVALID_REQUEST, extra={"errors": rows})


def registration_faults(fields: dict[str, str], today: date) -> dict[str, str]:
    """Say what is wrong with a registration."""
    faults = {}
    if not _EMAIL.fullmatch(fields["email"].strip()) or len(fields["email"]) > _MAX_TEXT:
        faults["email"] = "should be an e-mail address"
    if not MIN_PASSWORD <= len(fields["password"]) <= MAX_PASSWORD:
        faults["password"] = f"should have {MIN_PASSWORD} to {MAX_PASSWORD} characters"
    if not 1 <= len(fields["name"].strip()) <= _MAX_TEXT:
        faults["name"] = f"should have 1 to {_MAX_TEXT} characters"
    try:
        if not _OLDEST_BIRTH <= date.fromisoformat(fields["birthDate"]) <= today:
            faults["birthDate"] = "should lie in the past"
    except ValueError:
        faults["birthDate"] = "should be a date, as in 1980-12-31"
    return faults


def idempotency_key(request: web.Request) -> str:
    """Read the Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), quoted or not.

    Raises:
        Problem: it is missing or malformed.
    """
    header = request.headers.get("Idempotency-Key")
    if header is None:
        raise Problem(IDEMPOTENCY_KEY_MISSING, "Choose a new random key for each appointment; repeat it on a retry.")
    key = _KEY.fullmatch(header.strip())
    if key is None:
        raise Problem(INVALID_REQUEST, "Idempotency-Key should have 8 to 64 letters, digits, '-' or '_'.")
    return key[1]


def search_period(request: web.Request, now: datetime) -> tuple[datetime, datetime]:
    """Read ``from`` and ``to``: by default the week that begins now; at most 31 days.

    Raises:
        Problem: one is no instant, or the period is empty or too long.
    """
    start = _instant(request, "from") or now
    try:
        usual, latest = start + _USUAL_SEARCH, start + _LONGEST_SEARCH
    except OverflowError:
        raise faulty({"from": "should lie before the end of time"}) from None
    end = _instant(request, "to") or usual
    if not start < end <= latest:
        raise faulty({"to": f"should lie behind 'from', by at most {_LONGEST_SEARCH.days} days"})
    return start, end


def _instant(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return from_rfc3339(text)
    except (ValueError, OverflowError):
        raise faulty({name: "should be an instant, as in 2026-11-22T17:15:00Z"}) from None


def slot_reference(body: dict[str, object]) -> str:
    """Read the one slot of an Appointment in FHIR's form: ``{"slot": [{"reference": "Slot/..."}]}``.

    Raises:
        Problem: it is not of that form.
    """
    match body.get("slot"):
        case [{"reference": str(reference)}] if reference.startswith("Slot/"):
            return reference.removeprefix("Slot/")
        case _:
            raise faulty({"slot": 'should be one reference, as in [{"reference": "Slot/..."}]'})
