"""What simulated patients do: which request comes next, and what its answer teaches them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from app.clock import from_rfc3339, now, to_rfc3339
from app.ledger import Operation
from app.traffic.client import DEADLINE, Answer, Client, Request
from app.traffic.patients import REMEMBERED, Patient, People

MIX: dict[Operation, float] = {"slots": 50, "book": 20, "list": 15, "cancel": 8, "login": 5, "register": 2}
"""Shares of the requests, in percent. Who cannot do what was drawn does the step before it instead."""

_API = "/api/v1"
_PATIENTS = 500
_TOKEN_MARGIN = 30.0
_SEEN = 2000
_PICKED_PER_SEARCH = 6
_POPULAR_SHARE = 0.5
_POPULAR_PRACTITIONERS = 20
_POPULAR_DAYS = 7
_SEARCHED_DAYS = 60
_RETRIES = 2
_RETRY_AFTER = (1.0, 4.0)
_SERVER_ERROR = 500
_UNAUTHENTICATED = 401
_GONE = frozenset({404, 409})


class Behaviour:
    """Acts for all patients; ``act`` is called once an arrival."""

    def __init__(self, client: Client, rng: random.Random) -> None:
        self._client = client
        self._rng = rng
        self._people = People(rng, _PATIENTS)
        self.practitioners: Sequence[str] = ()
        self._seen: list[tuple[str, datetime]] = []

    async def act(self, due: float) -> None:
        """Do one thing. Drawn from ``MIX``, then brought down to what somebody is able to do now."""
        drawn = self._rng.choices(list(MIX), weights=list(MIX.values()))[0]
        patient = self._people.pick(due, with_appointments=drawn == "cancel")
        match drawn:
            case "register":
                await self._register(due)
            case "slots" if self.practitioners:
                await self._search(due)
            case "list" if patient:
                await self._list(patient, due)
            case "book" if patient and len(patient.appointments) >= REMEMBERED:
                await self._cancel(patient, due)
            case "book" if patient and (slot := self._pick_slot()):
                await self._book(patient, slot, due)
            case "cancel" if patient:
                await self._cancel(patient, due)
            case "book" | "cancel" if self._people.pick(due) and self.practitioners:
                await self._search(due)
            case _:
                await self._log_in(due)

    async def _register(self, due: float) -> None:
        patient = self._people.invent()
        body = {
            "email": patient.email,
            "password": patient.password,
            "name": patient.name,
            "birthDate": patient.birth_date.isoformat(),
        }
        answer = await self._ask("register", "POST", "/auth/register", due, body=body)
        if _good(answer):
            self._people.keep(patient)

    async def _log_in(self, due: float) -> None:
        patient = self._people.needing_login()
        if patient is None:
            await self._register(due)
            return
        # Until the answer comes the next arrival should pick somebody else.
        patient.token, patient.token_ends = None, due + DEADLINE
        body = {"email": patient.email, "password": patient.password}
        answer = await self._ask("login", "POST", "/auth/login", due, body=body)
        if _good(answer):
            patient.token = str(answer.body.get("access_token"))
            patient.token_ends = time.monotonic() + float(answer.body.get("expires_in", 0)) - _TOKEN_MARGIN
            return
        patient.token_ends = 0.0
        if answer.status == _UNAUTHENTICATED:
            self._people.forget(patient)

    async def _search(self, due: float) -> None:
        practitioner, day = self._wish()
        path = f"/slots?practitioner={practitioner}&from={to_rfc3339(day)}&to={to_rfc3339(day + timedelta(days=1))}"
        answer = await self._ask("slots", "GET", path, due)
        found = [entry["resource"] for entry in answer.body.get("entry", ())]
        for slot in self._rng.sample(found, min(_PICKED_PER_SEARCH, len(found))):
            self._see(slot)

    def _wish(self) -> tuple[str, datetime]:
        """Many ask for the same few practitioners and days, the rest for anybody at any time."""
        popular = self._rng.random() < _POPULAR_SHARE
        staff = self.practitioners[:_POPULAR_PRACTITIONERS] if popular else self.practitioners
        days = _POPULAR_DAYS if popular else _SEARCHED_DAYS
        today = now().replace(hour=0, minute=0, second=0, microsecond=0)
        return self._rng.choice(staff), today + timedelta(days=self._rng.randrange(days))

    def _see(self, slot: dict[str, Any]) -> None:
        seen = str(slot["id"]), from_rfc3339(str(slot["start"]))
        if len(self._seen) < _SEEN:
            self._seen.append(seen)
        else:
            self._seen[self._rng.randrange(_SEEN)] = seen

    def _pick_slot(self) -> str | None:
        while self._seen:
            place = self._rng.randrange(len(self._seen))
            self._seen[place], self._seen[-1] = self._seen[-1], self._seen[place]
            slot, start = self._seen.pop()
            if start > now() + timedelta(minutes=1):
                return slot
        return None

    async def _book(self, patient: Patient, slot: str, due: float) -> None:
        """Book; where the outcome is not known, ask again with the same key until it is, or patience ends."""
        key = f"{self._rng.getrandbits(96):024x}"
        body = {"resourceType": "Appointment", "slot": [{"reference": f"Slot/{slot}"}]}
        answer = await self._ask("book", "POST", "/appointments", due, body=body, patient=patient, key=key)
        for _ in range(_RETRIES):
            if answer.status is not None and answer.status < _SERVER_ERROR:
                break
            await asyncio.sleep(self._rng.uniform(*_RETRY_AFTER))
            due = time.monotonic()
            answer = await self._ask("book", "POST", "/appointments", due, body=body, patient=patient, key=key)
        if _good(answer):
            patient.appointments.append(str(answer.body["id"]))

    async def _list(self, patient: Patient, due: float) -> None:
        await self._ask("list", "GET", "/appointments", due, patient=patient)

    async def _cancel(self, patient: Patient, due: float) -> None:
        if not patient.appointments:
            await self._list(patient, due)
            return
        appointment = patient.appointments.pop(self._rng.randrange(len(patient.appointments)))
        answer = await self._ask(
            "cancel", "POST", f"/appointments/{appointment}/cancel", due, patient=patient, appointment=appointment
        )
        if not _good(answer) and answer.status not in _GONE:
            patient.appointments.append(appointment)

    async def _ask(
        self,
        op: Operation,
        method: str,
        path: str,
        due: float,
        *,
        body: dict[str, Any] | None = None,
        patient: Patient | None = None,
        key: str | None = None,
        appointment: str | None = None,
    ) -> Answer:
        token = patient.token if patient else None
        answer = await self._client.ask(
            Request(
                op=op,
                method=method,
                path=_API + path,
                due=due,
                body=body,
                token=token,
                key=key,
                appointment=appointment,
            )
        )
        if patient and answer.status == _UNAUTHENTICATED:
            patient.token = None
        return answer


def _good(answer: Answer) -> bool:
    return answer.status is not None and answer.status < 400  # noqa: PLR2004  # HTTP's own border
