"""The API: one function an endpoint. Each reads the request, asks one part of the domain, answers in FHIR's shapes."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import date, datetime

from aiohttp import web

from app import __version__, fhir, keys
from app.appointments import PAGE, Booking
from app.clock import from_rfc3339, now, to_rfc3339
from app.mongodb import Document
from app.parsing import (
    MAX_PASSWORD,
    faulty,
    idempotency_key,
    json_fields,
    json_object,
    registration_faults,
    search_period,
    slot_reference,
)
from app.problems import (
    FORBIDDEN,
    INTERNAL,
    KEY_REUSED,
    NOT_FOUND,
    PATIENT_BUSY,
    SLOT_TAKEN,
    SLOT_UNKNOWN,
    STATE_CONFLICT,
    UNAUTHENTICATED,
    WRONG_CREDENTIALS,
    Problem,
)
from app.schedule import Slot
from app.synthetic import HEADER as SYNTHETIC_PROOF
from app.tokens import LIFETIME, Caller
from app.users import Registration
from telemetry.kinds import route_of
from telemetry.logs import get_logger

log = get_logger()

_APPOINTMENT_FIELDS = ("resourceType", "status", "slot")
_IDENTIFIER = re.compile(r"[0-9a-f]{32}")
_REFUSALS = {
    "slot-taken": SLOT_TAKEN,
    "patient-busy": PATIENT_BUSY,
    "key-reused": KEY_REUSED,
    "synthetic-enough": FORBIDDEN,
}


async def register(request: web.Request) -> web.Response:
    """POST /auth/register: a known e-mail gets the same answer, so that nobody can ask who is a patient here."""
    fields = await json_fields(request, ("email", "password", "name", "birthDate"))
    faults = registration_faults(fields, now().date())
    if faults:
        raise faulty(faults)
    prober = await _prober(request, fields)
    registration = Registration(
        email=fields["email"],
        password_hash=await request.app[keys.PASSWORDS].hash(fields["password"]),
        name=fields["name"].strip(),
        birth_date=date.fromisoformat(fields["birthDate"]),
        synthetic=prober,
    )
    if prober is not None:
        # A prober has one patient at a time: others of it are left from a journey that was cut off.
        await request.app[keys.ERASURE].synthetic(prober)
    if await request.app[keys.USERS].register(registration):
        if prober is None:
            request.app[keys.METRICS].users_registered.inc()
    else:
        log.info("app.security", action="registered_again", route=route_of(request))
    return answer({"status": "registered", "next": "/api/v1/auth/login"}, status=201)


async def _prober(request: web.Request, fields: dict[str, str]) -> str | None:
    header = request.headers.get(SYNTHETIC_PROOF)
    try:
        proof = request.app[keys.SYNTHETIC].proof(header, fields["email"], fields["password"], now())
        if proof is None:
            return None
        await request.app[keys.PROOFS].use(proof)
    except Problem:
        log.warning("app.security", action="forbidden", route=route_of(request))
        raise
    return proof.prober


async def login(request: web.Request) -> web.Response:
    """POST /auth/login: an access token for ten minutes."""
    fields = await json_fields(request, ("email", "password"))
    if len(fields["password"]) > MAX_PASSWORD:
        raise Problem(WRONG_CREDENTIALS)
    user = await request.app[keys.USERS].find(fields["email"])
    right = await request.app[keys.PASSWORDS].verify(user.password_hash if user else None, fields["password"])
    if user is None or not right:
        log.info("app.security", action="login_failed", route=route_of(request))
        raise Problem(WRONG_CREDENTIALS)
    token = request.app[keys.TOKENS].issue(Caller(user.patient, user.synthetic), now())
    return answer(
        {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
            "patient": f"Patient/{user.patient}",
        }
    )


async def practitioners(request: web.Request) -> web.Response:
    """GET /practitioners: everybody who can be booked."""
    staff = request.app[keys.CLINIC].practitioners
    return answer(fhir.bundle([fhir.practitioner(one) for one in staff]))


async def slots(request: web.Request) -> web.Response:
    """GET /slots: a practitioner's free times within a period."""
    practitioner = request.query.get("practitioner", "").removeprefix("Practitioner/")
    if not practitioner:
        raise faulty({"practitioner": "is missing"})
    if request.app[keys.CLINIC].practitioner(practitioner) is None:
        raise Problem(NOT_FOUND)
    instant = now()
    start, end = search_period(request, instant)
    found = await request.app[keys.FREE_SLOTS].find(practitioner, start, end, now=instant)
    return answer(fhir.bundle([fhir.slot(one) for one in found]))


async def book(request: web.Request) -> web.Response:
    """POST /appointments: book one slot. The outcome of each attempt is counted once, a synthetic patient's never."""
    caller = authenticated(request)
    try:
        key, slot = idempotency_key(request), await _wanted(request)
        booking = await request.app[keys.APPOINTMENTS].book(caller.patient, slot, key, synthetic=caller.synthetic)
    except Problem:
        _count(request, caller, "invalid")
        raise
    except Exception:  # whatever it is: counted, and passed on to the middleware that answers for it
        _count(request, caller, "error")
        raise
    return await _booked(request, caller, slot, booking)


def _count(request: web.Request, caller: Caller, outcome: str) -> None:
    if caller.synthetic is None:
        request.app[keys.METRICS].booking(outcome)


def _count_transition(request: web.Request, caller: Caller, status: str) -> None:
    if caller.synthetic is None:
        request.app[keys.METRICS].transitions[status].inc()


async def _wanted(request: web.Request) -> Slot:
    body = await json_object(request, _APPOINTMENT_FIELDS)
    if body.get("resourceType", "Appointment") != "Appointment" or body.get("status", "booked") != "booked":
        raise faulty({"status": "should be that of a booked Appointment, or left out"})
    slot = request.app[keys.CLINIC].bookable(slot_reference(body), now())
    if slot is None:
        raise Problem(SLOT_UNKNOWN)
    return slot


async def _booked(request: web.Request, caller: Caller, slot: Slot, booking: Booking) -> web.Response:
    if booking.appointment is None:
        _count(request, caller, "invalid" if booking.result == "key-reused" else "conflict")
        if booking.result == "slot-taken":
            await request.app[keys.FREE_SLOTS].changed(slot)  # whoever saw it free saw an old list
        raise Problem(_REFUSALS.get(booking.result, INTERNAL))
    if booking.result == "booked":
        _count(request, caller, "booked")
        _count_transition(request, caller, "booked")
        await request.app[keys.FREE_SLOTS].changed(slot)
    headers = {"Location": f"/api/v1/appointments/{booking.appointment['_id']}", "ETag": _etag(booking.appointment)}
    return answer(fhir.appointment(booking.appointment), status=201, headers=headers)


async def own_appointments(request: web.Request) -> web.Response:
    """GET /appointments: the caller's own, by start, fifty a page."""
    patient = authenticated(request).patient
    after = _cursor(request.query.get("cursor"))
    found = await request.app[keys.APPOINTMENTS].of_patient(patient, after=after, limit=PAGE + 1)
    page, more = found[:PAGE], len(found) > PAGE
    next_link = f"/api/v1/appointments?cursor={_mark(page[-1])}" if more else None
    return answer(fhir.bundle([fhir.appointment(one) for one in page], next_link=next_link))


async def own_appointment(request: web.Request) -> web.Response:
    """GET /appointments/{id}: one of the caller's own, with the caller's name; 404 for anybody else's."""
    patient = authenticated(request).patient
    found = await request.app[keys.APPOINTMENTS].get(patient, appointment_id(request.match_info["id"]))
    if found is None:
        raise Problem(NOT_FOUND)
    name = await request.app[keys.USERS].patient_name(patient)
    return answer(fhir.appointment(found, patient_name=name), headers={"ETag": _etag(found)})


async def cancel(request: web.Request) -> web.Response:
    """POST /appointments/{id}/cancel: give the time back; 409 with the present state where that is not possible."""
    caller = authenticated(request)
    cancellation = await request.app[keys.APPOINTMENTS].cancel(caller.patient, appointment_id(request.match_info["id"]))
    if cancellation is None:
        raise Problem(NOT_FOUND)
    current = fhir.appointment(cancellation.appointment)
    if not cancellation.cancelled:
        raise Problem(STATE_CONFLICT, extra={"appointment": current})
    _count_transition(request, caller, "cancelled")
    slot = cancellation.appointment
    await request.app[keys.FREE_SLOTS].changed(Slot(slot["start"], slot["end"], slot["practitioner"]))
    return answer(current, headers={"ETag": _etag(slot)})


async def erase_account(request: web.Request) -> web.Response:
    """DELETE /patients/me: remove the caller's personal data and cancel what is to come; may be repeated.

    The token is the consent: none is older than ten minutes, and none is renewed without the password.
    """
    caller = authenticated(request)
    if caller.synthetic is not None:
        await request.app[keys.ERASURE].synthetic(caller.synthetic, patient=caller.patient)
    else:
        await request.app[keys.ERASURE].account(caller.patient)
        log.info("app.security", action="account_erased", route=route_of(request))
    return web.Response(status=204, headers={"Cache-Control": "no-store"})


async def livez(_request: web.Request) -> web.Response:
    """GET /livez: this process's event loop turns; nothing else is asked."""
    return answer({"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    """GET /readyz: started and not draining; never whether MongoDB or Redis are up."""
    readiness = request.app[keys.READINESS]
    return answer({"status": readiness.state}, status=200 if readiness.ready else 503)


async def version(request: web.Request) -> web.Response:
    """GET /version: what runs here."""
    return answer({"version": __version__, "instance": request.app[keys.SETTINGS].instance})


def appointment_id(text: str) -> str:
    """Return an identifier of ours. Anything else may be a name, and MongoDB tells slow queries with their values.

    Raises:
        Problem: it is none, so there is no such appointment.
    """
    if not _IDENTIFIER.fullmatch(text):
        raise Problem(NOT_FOUND)
    return text


def authenticated(request: web.Request) -> Caller:
    """Return for whom the request's access token speaks.

    Raises:
        Problem: there is none, or it is not valid (any more).
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    caller = request.app[keys.TOKENS].caller(token.strip()) if scheme.casefold() == "bearer" else None
    if caller is None:
        raise Problem(UNAUTHENTICATED, headers={"WWW-Authenticate": 'Bearer realm="appointments"'})
    if caller.synthetic is None:
        request.app[keys.ACTIVITY].seen(caller.patient)
    return caller


def answer(body: dict[str, object], *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer that nobody on the way may keep."""
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"} | (headers or {}))


def _etag(document: Document) -> str:
    return f'W/"{document["version"]}"'


def _mark(last: Document) -> str:
    text = json.dumps([to_rfc3339(last["start"]), last["_id"]])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _cursor(mark: str | None) -> tuple[datetime, str] | None:
    if mark is None:
        return None
    try:
        start, last = json.loads(base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4)))
        return from_rfc3339(start), appointment_id(str(last))
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, Problem):
        raise faulty({"cursor": "should be taken from the 'next' link of the page before"}) from None
