"""Synthetic patients: accounts that a prober makes to try, from outside, what a patient does.

Such an account is marked in each of its documents, so that it can be removed wholly and the app counts it nowhere. Only
who holds the shared secret can make one; the secret itself never travels, only a proof, which is bound to one
registration and good for one. Even so such an account holds few appointments: its slots are real. Without a secret
there are no synthetic patients.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from app.clock import now
from app.mongodb import Database, confirmed
from app.problems import FORBIDDEN, Problem
from app.users import normalized

HEADER = "X-Synthetic"
"""``<prober> <Unix seconds> <proof>``, where the proof is
``HMAC-SHA256(secret, "<prober> <seconds> <e-mail> <SHA-256 of the password>")``, all in hexadecimal."""

VALID_FOR = timedelta(minutes=2)
"""How far a proof's time may lie from ours. Within it, each is taken once."""

_FORM = re.compile(r"([0-9a-f]{16}) ([0-9]{1,12}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that is right; it may have been used before."""

    prober: str
    """An opaque id."""
    digest: str


class Synthetic:
    """Tells who may make synthetic patients."""

    def __init__(self, secret: bytes | None) -> None:
        self._secret = secret

    def proof(self, header: str | None, email: str, password: str, now: datetime) -> Proof | None:
        """Return the proof that comes with a synthetic patient's registration; None for everybody else.

        Raises:
            Problem: 403, the header is there and proves nothing.
        """
        if header is None:
            return None
        parts = _FORM.fullmatch(header)
        if self._secret is None or parts is None:
            raise Problem(FORBIDDEN)
        prober, at, proof = parts.groups()
        message = f"{prober} {at} {normalized(email)} {hashlib.sha256(password.encode()).hexdigest()}"
        expected = hmac.new(self._secret, message.encode(), hashlib.sha256).hexdigest()
        fresh = abs(now.timestamp() - int(at)) <= VALID_FOR.total_seconds()
        if not hmac.compare_digest(proof, expected) or not fresh:
            raise Problem(FORBIDDEN)
        return Proof(prober, hashlib.sha256(proof.encode()).hexdigest())


class Proofs:
    """The collection ``proofs``: those that were used, until they are too old anyway (a TTL index)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used = database.data["proofs"]

    async def use(self, proof: Proof) -> None:
        """Take a proof, which nobody can do again.

        Raises:
            Problem: 403, it was used before.
            DatabaseUnavailable: MongoDB gave no answer in time.
        """
        # Kept from our last clock to the last of those that would still take it.
        document = {"_id": proof.digest, "until": now() + 3 * VALID_FOR, "by": uuid.uuid4().hex}
        try:
            await self._database.run("insert", lambda: self._used.insert_one(document))
        except DuplicateKeyError:
            # A repeated attempt meets its own first one, whose answer was lost.
            found = await self._database.run("find", lambda: confirmed(self._used).find_one(document))
            if found is None:
                raise Problem(FORBIDDEN) from None
