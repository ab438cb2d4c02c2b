"""What MongoDB finds by itself: no double booking, references, statuses, slots, login keys, guards.

Each check is an aggregation on the server that returns ids of what is wrong, so that its cost is a few passes over the
collections and not a round trip a document. On a replica set each reads one snapshot.
"""

from __future__ import annotations

from datetime import datetime

from pymongo.client_session import ClientSession
from pymongo.database import Database

from app.check.result import Result, judged
from app.mongodb import BUSY_STATUSES, GUARDS
from app.schedule import CELL
from app.tools import Document

STATUSES = (
    *("proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error"),
    *("checked-in", "waitlist"),
)
"""HL7 FHIR R4, value set ``appointmentstatus``."""

_BEFORE: Document = {"$max": "$end", "window": {"documents": ["unbounded", -1]}}
_AFTER: Document = {"$shift": {"output": "$start", "by": 1}}
_LATE: Document = {"$gt": ["$before", "$start"]}
_EARLY: Document = {"$and": [{"$gt": ["$after", None]}, {"$gt": ["$end", "$after"]}]}
"""Among the appointments of one owner in their order: begun before an earlier one ended; ended after the next began."""

_CELL_MINUTES = CELL.seconds // 60


class Stored:
    """The checks that need nothing but the database.

    ``erased_before``: who was noted as erased longer ago than notes are kept cannot be told from who was lost, so of
    appointments made before that instant the patient is not looked for.
    """

    def __init__(self, data: Database[Document], session: ClientSession | None, erased_before: datetime) -> None:
        self._data = data
        self._session = session
        self._erased_before = erased_before

    def guards(self) -> Result:
        """The unique indexes without which bookings and registrations could double, from now on."""
        missing = []
        for collection, models in GUARDS.items():
            there = {name: dict(told) for name, told in self._data[collection].index_information().items()}
            for model in models:
                wanted = model.document
                found = there.get(str(wanted["name"]), {})
                same = all(
                    found.get(key) == wanted.get(key) for key in ("unique", "partialFilterExpression")
                ) and found.get("key") == list(wanted["key"].items())
                missing += [] if same else [f"{collection}.{wanted['name']}"]
        checked = sum(len(models) for models in GUARDS.values())
        return Result(
            name="guards",
            outcome="failed" if missing else "passed",
            checked=checked,
            found=len(missing),
            # Names of indexes, which are ours.
            findings=tuple(missing),
        )

    def double_booking(self) -> Result:
        """Appointments that begin before an earlier one of the same practitioner or patient has ended.

        By their times; ``slots`` holds the cells, by which the guard works, against the times.
        """
        busy: Document = {"status": {"$in": list(BUSY_STATUSES)}}
        found: set[object] = set()
        for owner in ("practitioner", "patient"):
            late = self._overlapping(owner, busy, {"before": _BEFORE}, [_LATE])
            if late:
                # Their partners too; asked of all appointments this would take several times as long.
                among = busy | {owner: {"$in": sorted({str(row[owner]) for row in late})}}
                both = self._overlapping(owner, among, {"before": _BEFORE, "after": _AFTER}, [_LATE, _EARLY])
                found |= {row["_id"] for row in both}
        return judged("double-booking", self._count("appointments", busy), found)

    def _overlapping(self, owner: str, which: Document, output: Document, either: list[Document]) -> list[Document]:
        return self._rows(
            {"$match": which},
            {"$project": {owner: 1, "start": 1, "end": 1}},
            {"$setWindowFields": {"partitionBy": f"${owner}", "sortBy": {"start": 1}, "output": output}},
            {"$match": {"$expr": {"$or": either}}},
            {"$project": {owner: 1}},
        )

    def references(self) -> Result:
        """Appointments of a practitioner or patient that does not exist; of whom was erased, none needs to."""
        practitioners = [row["_id"] for row in self._data["practitioners"].find({}, {"_id": 1}, session=self._session)]
        found = self._ids({"$match": {"practitioner": {"$nin": practitioners}}})
        lost = self._rows(
            {"$group": {"_id": "$patient", "created": {"$max": "$created"}}},
            _joined("patients", "_id", "there"),
            {"$match": {"there": []}},
            _joined("erasures", "_id", "noted"),
            {"$match": {"noted": [], "created": {"$not": {"$lt": self._erased_before}}}},
            {"$project": {"_id": 1}},
        )
        if lost:
            of_lost: Document = {"patient": {"$in": [row["_id"] for row in lost]}}
            found |= self._ids({"$match": of_lost})
        reason = "" if practitioners else "there are no practitioners: is this the app's database?"
        checked = self._count("appointments", {})
        if not practitioners:
            # An empty database has nothing that is wrong, and nothing that is right.
            empty = ("practitioners",)
            return Result(name="references", outcome="failed", checked=checked, found=1, findings=empty, reason=reason)
        return judged("references", checked, found)

    def accounts(self) -> Result:
        """Users without a patient, and patients without a user: they are made, and erased, together."""
        alone = self._ids(_joined("patients", "patient", "there"), {"$match": {"there": []}}, of="users")
        nobody = _joined("users", "_id", "there", foreign="patient")
        alone |= self._ids({"$project": {"_id": 1}}, nobody, {"$match": {"there": []}}, of="patients")
        return judged("accounts", self._count("users", {}) + self._count("patients", {}), alone)

    def login_keys(self) -> Result:
        """Users who share an e-mail address: its deterministic ciphertext is what they log in by."""
        # By order, not by $group: MongoDB's hash of ciphertexts collides, 80,000 of them took minutes (6.0.5).
        neighbours = {side: {"$shift": {"output": "$email", "by": by}} for side, by in (("left", -1), ("right", 1))}
        found = self._ids(
            {"$setWindowFields": {"sortBy": {"email": 1}, "output": neighbours}},
            {"$match": {"$expr": {"$or": [{"$eq": ["$email", f"${side}"]} for side in neighbours]}}},
            of="users",
        )
        return judged("login-keys", self._count("users", {}), found)

    def statuses(self) -> Result:
        """Appointments in no FHIR status, or in another one than the last that their history tells."""
        last = {"$arrayElemAt": ["$history.status", -1]}
        wrong = {"$or": [{"status": {"$nin": list(STATUSES)}}, {"$expr": {"$ne": ["$status", last]}}]}
        return judged("statuses", self._count("appointments", {}), self._ids({"$match": wrong}))

    def slots(self) -> Result:
        """Appointments whose slot or cells do not say what their times say: the guard works by cells."""
        minutes = {"$dateDiff": {"startDate": "$start", "endDate": "$end", "unit": "minute"}}
        slot = {"$concat": ["$practitioner", "-", _written("$start", "%Y%m%dT%H%MZ")]}
        types = {"start": "date", "end": "date", "practitioner": "string", "patient": "string"}
        clean = {"$and": [{"$eq": [{"$type": f"${name}"}, kind]} for name, kind in types.items()]}
        odd = {
            "$or": [
                {"$lte": ["$end", "$start"]},
                {"$ne": ["$slot", slot]},
                {"$ne": ["$cells", _cells("$practitioner", minutes)]},
                {"$ne": ["$patient_cells", _cells("$patient", minutes)]},
            ]
        }
        # What is no time cannot be computed with: the whole aggregation would fail.
        found = self._ids({"$match": {"$expr": {"$cond": [clean, odd, True]}}})
        return judged("slots", self._count("appointments", {}), found)

    def _ids(self, *stages: Document, of: str = "appointments") -> set[object]:
        return {row["_id"] for row in self._rows(*stages, {"$project": {"_id": 1}}, of=of)}

    def _rows(self, *stages: Document, of: str = "appointments") -> list[Document]:
        return list(self._data[of].aggregate(list(stages), allowDiskUse=True, session=self._session))

    def _count(self, collection: str, which: Document) -> int:
        return self._data[collection].count_documents(which, session=self._session)


def _joined(other: str, by: str, name: str, *, foreign: str = "_id") -> Document:
    return {"$lookup": {"from": other, "localField": by, "foreignField": foreign, "as": name}}


def _written(instant: object, form: str) -> Document:
    return {"$dateToString": {"date": instant, "format": form, "timezone": "UTC"}}


def _cells(owner: str, minutes: Document) -> Document:
    """The cells of an appointment as ``app.schedule.cells`` makes them, computed by the server."""
    at = {"$dateAdd": {"startDate": "$start", "unit": "minute", "amount": "$$minute"}}
    name = {"$concat": [owner, "|", _written(at, "%Y%m%d%H%M")]}
    return {"$map": {"input": {"$range": [0, minutes, _CELL_MINUTES]}, "as": "minute", "in": name}}


CHECKS = (
    Stored.guards,
    Stored.double_booking,
    Stored.references,
    Stored.accounts,
    Stored.login_keys,
    Stored.statuses,
    Stored.slots,
)
"""All of them; none needs what another has seen."""
