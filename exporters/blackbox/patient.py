"""A synthetic patient's side of the API. Who it is, is made up for one journey, and known to nobody but this object."""

from __future__ import annotations

import hashlib
import hmac
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from exporters.blackbox.answers import StepError, expect, parsed, resources, surely_refused, text
from exporters.blackbox.client import ProbeError, read, reason_of
from exporters.blackbox.families import STEPS

SEARCHED = timedelta(days=4)
"""How long a period is searched for free slots: whatever the day, it has two working days."""
_TRIES = 3
_CONFLICT = 409
"""So many practitioners are asked for free slots, and so many slots tried, before a journey fails."""
_LAST = 12
"""Of a period's free slots, one of the last so many is taken: a patient in a hurry wants the first ones."""


class Patient:
    """One method a step. Each raises ``StepError`` unless the API did what it promises."""

    def __init__(self, session: aiohttp.ClientSession, base: str, *, secret: bytes, prober: str, days: int) -> None:
        self._session = session
        self._base = base
        self._secret = secret
        self._prober = prober
        self._days = days
        self._login = {
            "email": f"{secrets.token_hex(16)}@synthetic.invalid",
            "password": secrets.token_urlsafe(24),
        }
        self._token = ""
        self._wanted: list[str] = []
        self._appointment = ""
        self.known = False
        """Whether the app may have this patient."""
        self.received = 0
        """Bytes of all answers."""

    def steps(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what to do, by the names in ``STEPS`` and in their order."""
        ways = (self.register, self.login, self.slots, self.book, self.see, self.cancel, self.erase)
        return dict(zip(STEPS, ways, strict=True))

    async def register(self) -> None:
        """Make the account, with the proof that this is a prober: bound to this account, and good for once."""
        at = int(time.time())
        password = hashlib.sha256(self._login["password"].encode()).hexdigest()
        message = f"{self._prober} {at} {self._login['email']} {password}".encode()
        proof = hmac.new(self._secret, message, hashlib.sha256).hexdigest()
        body = self._login | {"name": "Synthetic Patient", "birthDate": "1970-01-01"}
        self.known = True
        try:
            header = {"X-Synthetic": f"{self._prober} {at} {proof}"}
            await self._ask("POST", "/api/v1/auth/register", 201, body=body, headers=header)
        except StepError as error:
            self.known = not surely_refused(error)
            raise

    async def login(self) -> None:
        """Get an access token."""
        answer = await self._ask("POST", "/api/v1/auth/login", 200, body=self._login)
        self._token = text(answer, "access_token")

    async def slots(self) -> None:
        """Find what is free far ahead, where no patient misses it; nearer only where there is nothing."""
        found = await self._ask("GET", "/api/v1/practitioners", 200)
        practitioners = [text(one, "id") for one in resources(found)]
        days = self._days
        while practitioners and days > 0:
            for practitioner in random.sample(practitioners, min(_TRIES, len(practitioners))):
                if free := await self._free(practitioner, days):
                    last = free[-_LAST:]
                    self._wanted = random.sample(last, min(_TRIES, len(last)))
                    return
            days //= 2
        raise StepError("content", 200)

    async def book(self) -> None:
        """Book a slot; somebody else may be quicker, which is no fault."""
        while self._wanted:
            body = {"resourceType": "Appointment", "slot": [{"reference": f"Slot/{self._wanted.pop()}"}]}
            key = {"Idempotency-Key": secrets.token_hex(16)}
            try:
                booked = await self._ask("POST", "/api/v1/appointments", 201, body=body, headers=key)
            except StepError as error:
                if error.status == _CONFLICT and self._wanted:
                    continue
                raise
            self._appointment = text(booked, "id")
            expect(booked.get("status") == "booked", 201)
            return

    async def see(self) -> None:
        """See the appointment among one's own."""
        own = resources(await self._ask("GET", "/api/v1/appointments", 200))
        expect([(one.get("id"), one.get("status")) for one in own] == [(self._appointment, "booked")], 200)

    async def cancel(self) -> None:
        """Give the slot back."""
        cancelled = await self._ask("POST", f"/api/v1/appointments/{self._appointment}/cancel", 200)
        expect(cancelled.get("status") == "cancelled", 200)

    async def erase(self) -> None:
        """Remove the account, and see that nothing is left of it."""
        await self._ask("DELETE", "/api/v1/patients/me", 204)
        expect(resources(await self._ask("GET", "/api/v1/appointments", 200)) == [], 200)
        self.known = False

    async def leave(self) -> None:
        """Remove the account after a journey that was cut off, wherever that was."""
        if self.known and not self._token:
            await self.login()
        if self.known:
            await self.erase()

    async def _free(self, practitioner: str, days: int) -> list[str]:
        start = datetime.now(UTC) + timedelta(days=days)  # noqa: TID251  # the service's own clock decides what is free
        period = {"from": f"{start:%Y-%m-%dT%H:%M:%SZ}", "to": f"{start + SEARCHED:%Y-%m-%dT%H:%M:%SZ}"}
        found = await self._ask("GET", "/api/v1/slots", 200, query=period | {"practitioner": practitioner})
        return [text(one, "id") for one in resources(found)]

    async def _ask(
        self,
        method: str,
        path: str,
        expected: int,
        *,
        body: object = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        sent = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        sent |= headers or {}
        url, status = self._base + path, 0
        try:
            async with self._session.request(
                method, url, json=body, headers=sent, params=query, allow_redirects=False
            ) as response:
                status = response.status
                content = await read(response)
                self.received += len(content)
        except ProbeError as error:
            raise StepError(error.reason, status) from None
        except Exception as error:  # noqa: BLE001  # whatever it is: a word from the list; texts may quote addresses
            raise StepError(reason_of(error), status) from None
        if status != expected:
            raise StepError("status", status)
        return parsed(content, status) if content else {}
