"""Users and patients: who may log in, and whose data is kept; name, e-mail and birth date only as ciphertext."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from app.clock import now
from app.encryption import FieldEncryption
from app.mongodb import Database, Document, confirmed


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody registers with; validated."""

    email: str
    password_hash: str
    name: str
    birth_date: date
    synthetic: str | None = None
    """The prober's opaque id, where this is a synthetic patient."""


@dataclass(frozen=True, slots=True)
class User:
    """What login needs."""

    patient: str
    password_hash: str
    synthetic: str | None = None


class Users:
    """The collections ``users`` and ``patients``."""

    def __init__(self, database: Database, encryption: FieldEncryption) -> None:
        self._database = database
        self._encryption = encryption

    async def register(self, registration: Registration) -> bool:
        """Keep a new user and patient, both or neither; False if the e-mail is known already.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time.
        """
        patient = uuid.uuid4().hex
        instant = now()
        mark = {"synthetic": registration.synthetic} if registration.synthetic is not None else {}
        user_document: Document = {
            "_id": uuid.uuid4().hex,
            "email": await self._encryption.exact(normalized(registration.email)),
            "password_hash": registration.password_hash,
            "patient": patient,
            "created": instant,
            **mark,
        }
        patient_document: Document = {
            "_id": patient,
            "name": await self._encryption.hidden(registration.name),
            "email": await self._encryption.hidden(registration.email),
            "birthDate": await self._encryption.hidden(registration.birth_date.isoformat()),
            "created": instant,
            **mark,
        }

        async def both(session: AsyncClientSession) -> None:
            await self._database.data["users"].insert_one(user_document, session=session)
            await self._database.data["patients"].insert_one(patient_document, session=session)

        async def transaction() -> None:
            async with self._database.client.start_session() as session:
                await session.with_transaction(both)

        try:
            await self._database.run("transaction", transaction)
        except DuplicateKeyError:
            # A repeated attempt meets its own first one, whose answer was lost.
            mine = {"_id": user_document["_id"]}
            kept = await self._database.run("find", lambda: confirmed(self._database.data["users"]).find_one(mine))
            return kept is not None
        return True

    async def find(self, email: str) -> User | None:
        """Find a user by e-mail.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time.
        """
        key = await self._encryption.exact(normalized(email))
        users = self._database.data["users"]
        wanted = {"patient": 1, "password_hash": 1, "synthetic": 1}
        found = await self._database.run("find", lambda: users.find_one({"email": key}, wanted))
        return User(found["patient"], found["password_hash"], found.get("synthetic")) if found else None

    async def patient_name(self, patient: str) -> str | None:
        """Decrypt a patient's name.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time.
        """
        patients = self._database.data["patients"]
        found = await self._database.run("find", lambda: patients.find_one({"_id": patient}, {"name": 1}))
        return await self._encryption.reveal(found["name"]) if found else None


def normalized(email: str) -> str:
    """One spelling of an e-mail address: people type theirs in any case."""
    return email.strip().casefold()
