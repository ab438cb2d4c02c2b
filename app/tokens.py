"""Access tokens: JWT, HS256, ten minutes. The algorithm is fixed here; issuer, audience and type are checked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

LIFETIME = timedelta(minutes=10)
_ISSUER = "appointments"
_AUDIENCE = "appointments-api"
_TYPE = "access"
_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a valid token speaks."""

    patient: str
    synthetic: str | None = None
    """The prober's opaque id, where this is a synthetic patient."""


class Tokens:
    """Issues and checks access tokens. Their subject is the patient's opaque id."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, caller: Caller, now: datetime) -> str:
        """Sign a token for a patient."""
        claims: dict[str, object] = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": caller.patient,
            "typ": _TYPE,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": secrets.token_urlsafe(12),
        }
        if caller.synthetic is not None:
            claims["synthetic"] = caller.synthetic
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def caller(self, token: str) -> Caller | None:
        """Return whom a token speaks for, or None if it is not valid (any more)."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
        except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
            # The library reads the head before it checks the signature, so anybody may write what it stumbles over:
            # bytes that are no UTF-8, brackets without end.
            return None
        if claims.get("typ") != _TYPE:
            return None
        synthetic = claims.get("synthetic")
        return Caller(str(claims["sub"]), None if synthetic is None else str(synthetic))
