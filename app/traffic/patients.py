"""Synthetic people from a seeded generator, and what each of them knows. None of this is ever written anywhere."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

_FIRST = ("Alex", "Robin", "Sam", "Kim", "Noor", "Jona", "Mika", "Toni", "Sascha", "Luca", "Nikola", "Andrea")
_LAST = ("Berg", "Stone", "Rivers", "Field", "Wood", "Lake", "Hill", "Marsh", "Forest", "Brook", "Dale", "Shore")
_EARLIEST = date(1930, 1, 1)
_DAYS = 30_000

REMEMBERED = 20
"""How many of its appointments a patient remembers; with so many it cancels one instead of booking another."""


@dataclass(slots=True)
class Patient:
    """Somebody who registered, and what it holds: an access token, and appointments that can be cancelled."""

    email: str
    password: str
    name: str
    birth_date: date
    token: str | None = None
    token_ends: float = 0.0
    """On the monotonic clock; 0 before the first login."""
    appointments: list[str] = field(default_factory=list)

    def logged_in(self, now: float) -> bool:
        """Whether the token can still be used."""
        return self.token is not None and now < self.token_ends


class People:
    """Makes patients up, keeps those who registered, and picks who acts next. Bounded."""

    def __init__(self, rng: random.Random, limit: int) -> None:
        self._rng = rng
        self._limit = limit
        self._known: list[Patient] = []

    def __len__(self) -> int:
        return len(self._known)

    def invent(self) -> Patient:
        """Make up somebody new."""
        number = self._rng.getrandbits(48)
        return Patient(
            email=f"patient-{number:012x}@example.org",
            password=f"synthetic-{self._rng.getrandbits(64):016x}",
            name=f"{self._rng.choice(_FIRST)} {self._rng.choice(_LAST)}",
            birth_date=_EARLIEST + timedelta(days=self._rng.randrange(_DAYS)),
        )

    def keep(self, patient: Patient) -> None:
        """Somebody registered; when there are enough, somebody else is forgotten."""
        if len(self._known) < self._limit:
            self._known.append(patient)
        else:
            self._known[self._rng.randrange(len(self._known))] = patient

    def forget(self, patient: Patient) -> None:
        """Somebody cannot log in any more (the database was emptied)."""
        if patient in self._known:
            self._known.remove(patient)

    def needing_login(self) -> Patient | None:
        """Whose token ended, or will end, first."""
        return min(self._known, key=lambda one: one.token_ends, default=None)

    def pick(self, now: float, *, with_appointments: bool = False) -> Patient | None:
        """Somebody who is logged in, at random."""
        able = [one for one in self._known if one.logged_in(now) and (one.appointments or not with_appointments)]
        return self._rng.choice(able) if able else None
