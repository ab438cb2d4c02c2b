"""Documents of a practice, and every business figure counted from them in plain Python, one by one."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.schedule import SLOT, Clinic
from exporters.business.families import LEAD_EDGES, LEADS, STATUSES

Document = dict[str, Any]
Figures = Mapping[tuple[str, ...], float]
BUSY = ("pending", "booked", "arrived", "checked-in", "fulfilled")
DAY = timedelta(days=1)
HOSTILE = ("", "BOOKED", "booked ", 'noshow"} 1\n', "$where", "Quillon Vexberry", None, 7, {"$gt": ""}, ["booked"])
LISTED = {
    "General practice": "general_practice",
    "Paediatrics": "paediatrics",
    "Cardiology": "cardiology",
    "Dermatology": "dermatology",
    "Physiotherapy": "physiotherapy",
}


@dataclass(frozen=True, kw_only=True)
class Practice:
    """What the database holds."""

    clinic: Clinic
    now: datetime
    appointments: list[Document]
    patients: list[Document]
    practitioners: list[Document] = field(default_factory=list)

    def service(self, practitioner: object) -> str:
        for one in self.practitioners:
            if one["_id"] == practitioner:
                return LISTED.get(text(one.get("specialty")), "other")
        return "other"

    def local(self, days: int) -> datetime:
        return (self.now.astimezone(self.clinic.zone) + timedelta(days=days)).astimezone(UTC)


def practice(seed: int, clinic: Clinic, now: datetime, count: int = 1_500) -> Practice:
    rng = random.Random(seed)
    practitioners: list[Document] = [{"_id": one.id, "specialty": one.specialty} for one in clinic.practitioners]
    practitioners += [{"_id": "practitioner-98", "specialty": "Quillon Vexberry's"}, {"_id": "practitioner-99"}]
    names = [one["_id"] for one in practitioners] + ["practitioner-unknown"]
    appointments = [_appointment(rng, names, now) for _ in range(count)]
    patients: list[Document] = [{"_id": uuid.uuid4().hex, "created": _before(rng, now, 20)} for _ in range(150)]
    patients += [{"_id": uuid.uuid4().hex}, {"_id": uuid.uuid4().hex, "created": "yesterday"}]
    return Practice(clinic=clinic, now=now, appointments=appointments, patients=patients, practitioners=practitioners)


def _before(rng: random.Random, now: datetime, days: float) -> datetime:
    return _ms(now - timedelta(seconds=rng.expovariate(1 / (days * 86_400 / 4))))


def _ms(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _appointment(rng: random.Random, names: list[str], now: datetime) -> Document:
    created = _before(rng, now, 40)
    lead = timedelta(seconds=rng.choice([rng.uniform(0, 7_200), rng.expovariate(1 / 6e5), rng.choice(LEAD_EDGES)]))
    start = _ms(created + lead)
    if rng.random() < 0.6:
        start = start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0)
    status = rng.choice(STATUSES if rng.random() < 0.5 else ("booked", "cancelled"))
    document: Document = {
        "_id": uuid.uuid4().hex,
        "status": status,
        "practitioner": rng.choice(names),
        "patient": uuid.uuid4().hex,
        "idempotency_key": uuid.uuid4().hex,
        "start": start,
        "end": start + SLOT * rng.choice((1, 1, 1, 2, 1.4)),
        "cells": [uuid.uuid4().hex],
        "patient_cells": [uuid.uuid4().hex],
        "created": created,
        "history": [{"at": created, "status": "booked"}],
    }
    if status == "cancelled":
        at = _ms(created + (now - created) * rng.random())
        document["history"].append({"at": at, "status": "cancelled"})
        reason = rng.choice(("pat", "pat-crs", "prov", "prov-dna", "maint", "patient's own words", 5, None))
        if reason is not None:
            document["cancelationReason"] = reason
    return _hostile(rng, document)


def _hostile(rng: random.Random, document: Document) -> Document:
    """Take away a field of one in ten, or put something into it that does not belong there."""
    if rng.random() < 0.1:
        name = rng.choice(("status", "practitioner", "start", "end", "created", "history", "cancelationReason"))
        if rng.random() < 0.5:
            document.pop(name, None)
        else:
            document[name] = rng.choice(HOSTILE)
    return document


def is_in(value: object, since: datetime, until: datetime) -> bool:
    return isinstance(value, datetime) and since <= value < until


def text(value: object) -> str:
    """A status or the like; anything that is no text is none of ours."""
    return value if isinstance(value, str) else ""


def matches(value: object, wanted: tuple[str, ...]) -> bool:
    """MongoDB's own rule: a list matches where one of its items does."""
    return any(text(one) in wanted for one in (value if isinstance(value, list) else [value]))


def lead_class(document: Document) -> int | None:
    if not isinstance(document.get("start"), datetime):
        return None
    lead = max(0.0, (document["start"] - document["created"]).total_seconds())
    return next((number for number, edge in enumerate(LEAD_EDGES) if lead <= edge), len(LEAD_EDGES))


def expected(held: Practice) -> dict[str, Counter[tuple[str, ...]]]:
    """Count every figure; what is not counted is 0."""
    found: dict[str, Counter[tuple[str, ...]]] = {}

    def count(name: str, *labels: str, by: int = 1) -> None:
        found.setdefault(name, Counter())[labels] += by

    for one in held.appointments:
        _count_statuses(held, one, count)
        _count_bookings(held, one, count)
        _count_ahead(held, one, count)
        _count_cancelled(held, one, count)
    count("patients", by=len(held.patients))
    for window, days in (("1d", 1), ("7d", 7)):
        recent = [one for one in held.patients if is_in(one.get("created"), held.local(-days), held.now)]
        count("patients_registered", window, by=len(recent))
    for one in held.practitioners:
        count("practitioners", held.service(one["_id"]))
    return found


def _count_statuses(held: Practice, one: Document, count: Any) -> None:
    for status in STATUSES:
        if matches(one.get("status"), (status,)):
            count("appointments", status)
            if is_in(one.get("start"), held.local(-1), held.now):
                count("appointments_due_last_day", status)
    timeless = one.get("start") is None
    if matches(one.get("status"), ("waitlist",)) and (
        timeless or is_in(one.get("start"), held.now, held.now + 9_999 * DAY)
    ):
        count("appointments_waitlist_length")


def _count_bookings(held: Practice, one: Document, count: Any) -> None:
    created = one.get("created")
    if is_in(created, held.local(-1), held.now):
        count("appointments_made_last_day", held.service(one.get("practitioner")))
    if is_in(created, held.local(-30), held.now):
        number = lead_class(one)
        if number is not None:
            count("appointments_made_by_lead_time", LEADS[number])
    if isinstance(created, datetime) and is_in(created, held.local(-28), held.now):
        local = created.astimezone(held.clinic.zone)
        count("appointments_made_by_hour", f"{local.hour:02}")
        count("appointments_made_by_weekday", local.strftime("%A").lower())


def _count_ahead(held: Practice, one: Document, count: Any) -> None:
    if not matches(one.get("status"), BUSY):
        return
    service, status = held.service(one.get("practitioner")), one["status"]
    for horizon, days in (("1d", 1), ("7d", 7), ("30d", 30)):
        if is_in(one.get("start"), held.now, held.local(days)):
            slots = 1
            if isinstance(one.get("end"), datetime):
                slots = max(1, -((one["start"] - one["end"]) // SLOT))
            count("appointment_slots", service, horizon, "held" if status == "pending" else "booked", by=slots)
            if status != "fulfilled":
                count("appointments_upcoming", service, horizon)


def _count_cancelled(held: Practice, one: Document, count: Any) -> None:
    history = one.get("history")
    if one.get("status") != "cancelled" or not isinstance(history, list):
        return
    times = [entry["at"] for entry in history if isinstance(entry, dict) and entry.get("status") == "cancelled"]
    if not times or not is_in(max(times), held.local(-1), held.now):
        return
    word = text(one.get("cancelationReason")).split("-")[0]
    by = {"pat": "patient", "prov": "clinic"}.get(word, "other")
    notice = "unknown"
    if isinstance(one.get("start"), datetime):
        notice = "ge24h" if one["start"] - max(times) >= DAY else "lt24h"
    count("appointments_cancelled_last_day", by, notice)


def third_next(held: Practice) -> dict[str, float]:
    """Look at each slot of each practitioner, one after the other."""
    waits: dict[str, list[float]] = {}
    for one in held.practitioners:
        busy = [
            (other["start"], other["end"] if isinstance(other.get("end"), datetime) else other["start"] + SLOT)
            for other in held.appointments
            if other.get("practitioner") == one["_id"]
            and matches(other.get("status"), BUSY)
            and isinstance(other.get("start"), datetime)
        ]
        waits.setdefault(held.service(one["_id"]), []).append(_third(held, busy))
    return {service: sum(found) / len(found) for service, found in waits.items()}


def _third(held: Practice, busy: list[tuple[datetime, datetime]]) -> float:
    last = held.now + held.clinic.horizon
    free: Iterator[datetime] = (
        slot.start
        for slot in held.clinic.slots_between("anybody", held.now, last + SLOT)
        if held.now < slot.start < last and not any(start < slot.end and slot.start < end for start, end in busy)
    )
    for number, start in enumerate(free, start=1):
        if number == 3:
            return (start - held.now).total_seconds()
    return held.clinic.horizon.total_seconds()


def many(count: int, clinic: Clinic, now: datetime) -> Iterator[Document]:
    """Make appointments of a practice that has been there for 90 days, cheaply."""
    rng = random.Random(count)
    for number in range(count):
        created = now - timedelta(seconds=rng.uniform(0, 90 * 86_400))
        start = created.replace(minute=0, second=0, microsecond=0) + SLOT * rng.randrange(1, 96 * 40)
        status = rng.choices(("booked", "fulfilled", "cancelled", "noshow"), (60, 20, 18, 2))[0]
        history: list[Document] = [{"at": created, "status": "booked"}]
        if status == "cancelled":
            history.append({"at": created + (now - created) * rng.random(), "status": status})
        unique = f"{number:032x}"
        yield {
            "_id": unique,
            "status": status,
            "practitioner": rng.choice(clinic.practitioners).id,
            "patient": unique,
            "idempotency_key": unique,
            "start": start,
            "end": start + SLOT,
            "cells": [unique],
            "patient_cells": [unique],
            "created": created,
            "history": history,
            "cancelationReason": "pat",
        }
