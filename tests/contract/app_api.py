"""A patient's side of the API, for tests: register, log in, search, book."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pymongo

from monitor.stack.layout import DATABASE, Layout

PASSWORD = "a long enough password"


@dataclass(slots=True)
class Answer:
    """One answer of the API."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def problem(self) -> str:
        """The last part of the problem's type."""
        return str(self.body.get("type", "")).rpartition("/")[2]


@dataclass(slots=True)
class Person:
    """A patient at one address (the edge or an app)."""

    session: aiohttp.ClientSession
    base: str
    email: str = field(default_factory=lambda: f"{uuid.uuid4().hex}@example.org")
    name: str = "Quillon Vexberry"
    birth_date: str = "1961-07-23"
    token: str = ""

    async def ask(self, method: str, path: str, *, body: Any = None, **headers: str) -> Answer:
        """Send one request."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, f"{self.base}{path}", json=body, headers=sent) as response:
            found = await response.json(content_type=None) if response.content_type.endswith("json") else {}
            return Answer(response.status, found, dict(response.headers))

    async def join(self) -> Person:
        """Register and log in."""
        registered = await self.ask(
            "POST",
            "/api/v1/auth/register",
            body={"email": self.email, "password": PASSWORD, "name": self.name, "birthDate": self.birth_date},
        )
        assert registered.status == 201, registered
        answer = await self.ask("POST", "/api/v1/auth/login", body={"email": self.email, "password": PASSWORD})
        assert answer.status == 200, answer
        self.token = answer.body["access_token"]
        return self

    async def free(self, practitioner: str, day: datetime) -> list[str]:
        """The ids of the free slots of a day."""
        until = day + timedelta(days=1)
        path = f"/api/v1/slots?practitioner={practitioner}&from={day:%Y-%m-%dT%H:%M:%SZ}&to={until:%Y-%m-%dT%H:%M:%SZ}"
        answer = await self.ask("GET", path)
        assert answer.status == 200, answer
        return [entry["resource"]["id"] for entry in answer.body["entry"]]

    async def book(self, slot: str, *, key: str | None = None) -> Answer:
        """Try to book a slot."""
        body = {"resourceType": "Appointment", "slot": [{"reference": f"Slot/{slot}"}]}
        return await self.ask("POST", "/api/v1/appointments", body=body, Idempotency_Key=key or uuid.uuid4().hex)

    async def cancel(self, appointment: str) -> Answer:
        """Try to cancel."""
        return await self.ask("POST", f"/api/v1/appointments/{appointment}/cancel")


def working_day(weeks: int) -> datetime:
    """A Monday, 00:00 UTC, some weeks ahead."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: TID251  # the app is real
    return today + timedelta(days=7 - today.weekday(), weeks=weeks)


def database(layout: Layout, user: str = "admin") -> pymongo.MongoClient[dict[str, Any]]:
    """Connect past the app, to see what it left."""
    password = layout.mongodb_password(user).read_text().strip()
    return pymongo.MongoClient(layout.mongodb_uri, username=user, password=password, authSource="admin", tz_aware=True)


def appointments(client: pymongo.MongoClient[dict[str, Any]]) -> Any:
    """The app's collection of appointments."""
    return client[DATABASE]["appointments"]
