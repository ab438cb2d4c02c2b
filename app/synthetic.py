"""Synthetic patients: accounts that a prober makes to try, from outside, what a patient does.

Such an account is marked in each of its documents, so that it can be removed wholly and counts nowhere. Only who holds
the shared secret can make one; the secret itself never travels, only a proof that is bound to the account's e-mail
address and to the time. Without a secret there are no synthetic patients.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta

from app.problems import FORBIDDEN, Problem
from app.users import normalized

HEADER = "X-Synthetic"
"""``<prober> <Unix seconds> <proof>``, where the proof is ``HMAC-SHA256(secret, "<prober> <seconds> <e-mail>")``."""

VALID_FOR = timedelta(minutes=2)
"""How far a proof's time may lie from ours. Whoever replays one meets an account that exists already."""

_FORM = re.compile(r"([0-9a-f]{16}) (\d{1,12}) ([0-9a-f]{64})")


class Synthetic:
    """Tells who may make synthetic patients."""

    def __init__(self, secret: bytes | None) -> None:
        self._secret = secret

    def prober(self, header: str | None, email: str, now: datetime) -> str | None:
        """Return the opaque id of the prober whose patient is to be registered; None for everybody else.

        Raises:
            Problem: 403, the header is there and proves nothing.
        """
        if header is None:
            return None
        parts = _FORM.fullmatch(header)
        if self._secret is None or parts is None:
            raise Problem(FORBIDDEN)
        prober, at, proof = parts.groups()
        message = f"{prober} {at} {normalized(email)}".encode()
        expected = hmac.new(self._secret, message, hashlib.sha256).hexdigest()
        fresh = abs(now.timestamp() - int(at)) <= VALID_FOR.total_seconds()
        if not hmac.compare_digest(proof, expected) or not fresh:
            raise Problem(FORBIDDEN)
        return prober
