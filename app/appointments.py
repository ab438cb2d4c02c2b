"""Appointments: booked as one document that claims its 5-minute cells, so that no two can ever overlap.

The guard is a unique index over ``cells`` (and one over ``patient_cells``) that covers only statuses which keep their
time: cancelling frees it, and there is no moment in which two requests both see a free slot. A transaction that checks
and then inserts cannot promise this (write skew).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError
from pymongo.read_preferences import Primary

from app.clock import now
from app.mongodb import BUSY_STATUSES, Database, DatabaseUnavailable, Document, confirmed
from app.schedule import Slot, cells

CANCELLABLE = ("proposed", "pending", "booked", "waitlist", "arrived")
"""FHIR statuses from which a patient's appointment may become ``cancelled``."""

PAGE = 50

SYNTHETIC_AT_ONCE = 3
"""So many appointments a prober's patients may hold: enough for a journey, too few to keep patients out."""


@dataclass(frozen=True, slots=True)
class Booking:
    """How an attempt to book ended; ``appointment`` is there when it is the caller's."""

    result: Literal["booked", "replayed", "slot-taken", "patient-busy", "key-reused", "synthetic-enough"]
    appointment: Document | None = None


@dataclass(frozen=True, slots=True)
class Cancellation:
    """How an attempt to cancel ended; ``appointment`` is its present state."""

    cancelled: bool
    appointment: Document


class Appointments:
    """The collection ``appointments``. Ownership is part of every query, never checked after the read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._collection = database.data["appointments"]

    async def book(self, patient: str, slot: Slot, idempotency_key: str, *, synthetic: str | None = None) -> Booking:
        """Book a slot for a patient; ``synthetic`` marks what belongs to a prober's patient.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time; the same key tells later what became of it.
        """
        instant = now()
        document: Document = {
            "_id": uuid.uuid4().hex,
            "status": "booked",
            "version": 1,
            "practitioner": slot.practitioner,
            "patient": patient,
            "slot": slot.id,
            "start": slot.start,
            "end": slot.end,
            "cells": cells(slot.practitioner, slot.start, slot.end),
            "patient_cells": cells(patient, slot.start, slot.end),
            "idempotency_key": idempotency_key,
            "created": instant,
            "history": [{"at": instant, "status": "booked"}],
        }
        if synthetic is not None:
            document["synthetic"] = synthetic
            if await self._held_otherwise(synthetic, document) >= SYNTHETIC_AT_ONCE:
                return Booking("synthetic-enough")
        try:
            await self._database.run("insert", lambda: self._collection.insert_one(document))
        except DuplicateKeyError as error:
            return await self._explain(document, error)
        return Booking("booked", document)

    async def _held_otherwise(self, synthetic: str, document: Document) -> int:
        """Count what a prober's patients hold, other than by this very attempt.

        Requests sent at the same time may each pass, so a holder of the secret can exceed the limit for as long as
        upkeep lets such a patient live; nobody else gets here.
        """
        query = {
            "synthetic": synthetic,
            "status": {"$in": list(BUSY_STATUSES)},
            "idempotency_key": {"$ne": document["idempotency_key"]},
        }
        newest = self._collection.with_options(read_preference=Primary())
        return await self._database.run("count", lambda: newest.count_documents(query, limit=SYNTHETIC_AT_ONCE))

    async def _explain(self, document: Document, error: DuplicateKeyError) -> Booking:
        """Tell a replay from a conflict; when several indexes are hit the server names only one of them."""
        query = {"patient": document["patient"], "idempotency_key": document["idempotency_key"]}
        newest = self._collection.with_options(read_preference=Primary())
        if await self._database.run("find", lambda: newest.find_one(query, {"_id": 1})) is not None:
            kept = await self._database.run("find", lambda: confirmed(self._collection).find_one(query))
            if kept is None:  # it was rolled back between the two reads; the same key may try again
                raise DatabaseUnavailable
            if kept["_id"] == document["_id"]:
                return Booking("booked", kept)  # our own first attempt, whose answer was lost
            return Booking("replayed", kept) if kept["slot"] == document["slot"] else Booking("key-reused")
        keys = (error.details or {}).get("keyPattern", {})
        return Booking("patient-busy" if "patient_cells" in keys else "slot-taken")

    async def get(self, patient: str, appointment: str) -> Document | None:
        """Return a patient's own appointment; somebody else's is none.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time.
        """
        query = {"_id": appointment, "patient": patient}
        return await self._database.run("find", lambda: self._collection.find_one(query))

    async def of_patient(self, patient: str, *, after: tuple[datetime, str] | None, limit: int) -> list[Document]:
        """List a patient's own appointments by start, beginning behind ``after`` (start and id of the last one seen).

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time.
        """
        query: Document = {"patient": patient}
        if after is not None:
            start, last = after
            query["$or"] = [{"start": {"$gt": start}}, {"start": start, "_id": {"$gt": last}}]
        return await self._database.run(
            "find", lambda: self._collection.find(query).sort([("start", 1), ("_id", 1)]).limit(limit).to_list()
        )

    async def cancel(self, patient: str, appointment: str) -> Cancellation | None:
        """Cancel a patient's own appointment if nothing else changed it meanwhile; None if there is none.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time.
        """
        current = await self.get(patient, appointment)
        if current is None:
            return None
        if current["status"] not in CANCELLABLE:
            return Cancellation(cancelled=False, appointment=current)
        instant, request = now(), uuid.uuid4().hex
        expected = {
            "_id": appointment,
            "patient": patient,
            "status": current["status"],
            "version": current["version"],
        }
        change = {
            "$set": {"status": "cancelled", "cancelationReason": "pat", "cancelled_by_request": request},
            "$inc": {"version": 1},
            "$push": {"history": {"at": instant, "status": "cancelled"}},
        }
        changed = await self._database.run(
            "findAndModify",
            lambda: self._collection.find_one_and_update(expected, change, return_document=ReturnDocument.AFTER),
        )
        if changed is not None:
            return Cancellation(cancelled=True, appointment=changed)
        mine = {"_id": appointment, "patient": patient}
        current = await self._database.run("find", lambda: confirmed(self._collection).find_one(mine))
        if current is None:
            return None
        # The mark tells our own first attempt, whose answer was lost, from somebody else's change.
        return Cancellation(cancelled=current.get("cancelled_by_request") == request, appointment=current)
