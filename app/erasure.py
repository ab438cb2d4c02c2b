"""Erasing: a patient's account at his own wish, and whatever synthetic patients leave behind.

A patient's name, e-mail address and birth date are removed at once; his appointments stay as the practice's record,
under an id that names nobody any more, and those still to come are cancelled. Of a synthetic patient nothing stays.

That may have to be done again: access tokens outlive the account by some minutes, a process may die between two steps,
and a backup that is restored brings everybody back. So each erasure is noted together with the removal, by the opaque
id and for as long as backups are kept, and upkeep repeats it for all that are noted.
"""

from __future__ import annotations

from datetime import timedelta

from pymongo.asynchronous.client_session import AsyncClientSession

from app.appointments import CANCELLABLE, Appointments
from app.clock import now
from app.metrics import Metrics
from app.mongodb import Database, Document
from app.schedule import Slot
from app.slots import FreeSlots

_AT_ONCE = 500
_SLOT = {"practitioner": 1, "start": 1, "end": 1}
_COMING = _SLOT | {"patient": 1}


class Erasure:
    """Removes accounts. Everything here may be repeated, and continued by another process."""

    def __init__(
        self, database: Database, appointments: Appointments, slots: FreeSlots, metrics: Metrics, noted_for: timedelta
    ) -> None:
        self._database = database
        self._data = database.data
        self._appointments = appointments
        self._slots = slots
        self._metrics = metrics
        self._noted_for = noted_for
        self._finished_to = ""

    async def account(self, patient: str) -> None:
        """Remove who a patient is, and cancel what is still to come.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time; if the first step was done, upkeep does the second.
        """
        instant = now()
        noted = {"_id": patient, "at": instant, "until": instant + self._noted_for}

        async def removal(session: AsyncClientSession) -> None:
            await self._data["users"].delete_many({"patient": patient}, session=session)
            await self._data["patients"].delete_one({"_id": patient}, session=session)
            await self._data["erasures"].replace_one({"_id": patient}, noted, upsert=True, session=session)

        async def transaction() -> None:
            async with self._database.client.start_session() as session:
                await session.with_transaction(removal)

        await self._database.run("transaction", transaction)
        await self._cancel_all([patient])

    async def finish(self) -> None:
        """Erase again whoever has erased his account: a step was missed, a token still used, or a backup restored.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time; the next call goes on from there.
        """
        while some := await self._noted(self._finished_to):
            await self._remove_again({"$in": some})
            await self._cancel_all(some)
            self._finished_to = some[-1]
        self._finished_to = ""

    async def _noted(self, behind: str) -> list[str]:
        erasures = self._data["erasures"].find({"_id": {"$gt": behind}}, {"_id": 1}).sort("_id").limit(_AT_ONCE)
        rows = await self._database.run("find", lambda: erasures.clone().to_list())
        return [row["_id"] for row in rows]

    async def _remove_again(self, among: Document) -> None:
        users, patients = self._data["users"], self._data["patients"]
        await self._database.run("delete", lambda: users.delete_many({"patient": among}))
        await self._database.run("delete", lambda: patients.delete_many({"_id": among}))

    async def synthetic(self, prober: str, *, patient: str | None = None) -> None:
        """Remove everything that a prober's synthetic patients, or one of them, have left.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time.
        """
        mark: Document = {"synthetic": prober}
        whose = mark if patient is None else mark | {"patient": patient}
        await self._remove(whose, mark if patient is None else mark | {"_id": patient}, whose)

    async def expired(self, age: timedelta) -> int:
        """Remove what synthetic patients left behind and no prober came back for; say how many accounts that were.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time.
        """
        mark: Document = {"synthetic": {"$exists": True}}
        over: Document = {"created": {"$lt": now() - age}}
        users = self._data["users"]
        rows = await self._database.run("find", lambda: users.find(mark | over, {"patient": 1}).to_list())
        held = mark | {"$or": [over, {"patient": {"$in": [row["patient"] for row in rows]}}]}
        return await self._remove(mark | over, mark | over, held)

    async def _remove(self, which: Document, which_patients: Document, held: Document) -> int:
        # The account goes last: while it is there, this can be asked for again.
        await self._remove_appointments(held)
        patients, users = self._data["patients"], self._data["users"]
        first = await self._database.run("delete", lambda: patients.delete_many(which_patients))
        second = await self._database.run("delete", lambda: users.delete_many(which))
        return max(first.deleted_count, second.deleted_count)

    async def _remove_appointments(self, which: Document) -> None:
        held = self._data["appointments"]
        rows = await self._database.run("find", lambda: held.find(which, _SLOT).limit(_AT_ONCE).to_list())
        if not rows:
            return
        ids = [row["_id"] for row in rows]
        await self._database.run("delete", lambda: held.delete_many({"_id": {"$in": ids}}))
        for row in rows:
            await self._slots.changed(Slot(row["start"], row["end"], row["practitioner"]))

    async def _cancel_all(self, patients: list[str]) -> None:
        query = {"patient": {"$in": patients}, "start": {"$gt": now()}, "status": {"$in": list(CANCELLABLE)}}
        held = self._data["appointments"]
        rows = await self._database.run("find", lambda: held.find(query, _COMING).to_list())
        for row in rows:
            cancellation = await self._appointments.cancel(row["patient"], row["_id"])
            if cancellation is not None and cancellation.cancelled:
                self._metrics.transitions["cancelled"].inc()
                await self._slots.changed(Slot(row["start"], row["end"], row["practitioner"]))
