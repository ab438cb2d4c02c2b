"""Access tokens: JWT, HS256, ten minutes. The algorithm is fixed here; issuer, audience and type are checked."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import jwt

LIFETIME = timedelta(minutes=10)
_ISSUER = "appointments"
_AUDIENCE = "appointments-api"
_TYPE = "access"
_ALGORITHM = "HS256"


class Tokens:
    """Issues and checks access tokens. Their subject is the patient's opaque id."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, patient: str, now: datetime) -> str:
        """Sign a token for a patient."""
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": patient,
            "typ": _TYPE,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def patient(self, token: str) -> str | None:
        """Return the patient that a token speaks for, or None if it is not valid (any more)."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
        except jwt.InvalidTokenError:
            return None
        return str(claims["sub"]) if claims.get("typ") == _TYPE else None
