"""The only place that reads the wall clock, and the one form in which times are written: RFC 3339, UTC, ``Z``."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SKEW = timedelta(minutes=5)
"""How far two machines' clocks may be apart."""


def now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


def credible(instant: datetime | None, at: datetime) -> datetime | None:
    """Return an instant that was noted, seen at another; ``None`` for one that lies ahead.

    It was noted while a clock was wrong, and must not put off what is due until then.
    """
    return None if instant is None or instant > at + SKEW else instant


def to_rfc3339(instant: datetime) -> str:
    """Format an aware instant as ``2026-11-22T17:15:00Z``, with milliseconds only where it has any."""
    utc = instant.astimezone(UTC)
    spec = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=spec).replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """Parse an RFC 3339 instant.

    Raises:
        ValueError: the text is no instant, or names no offset.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        message = f"{text!r} names no offset from UTC: write it as 2026-11-22T17:15:00Z"
        raise ValueError(message)
    return instant.astimezone(UTC)


def from_http(text: str) -> datetime:
    """Parse the ``Date`` of an HTTP answer.

    Raises:
        ValueError: the text is no such date.
    """
    return parsedate_to_datetime(text).astimezone(UTC)


def from_epoch(seconds: float) -> datetime:
    """Turn Unix seconds into an aware UTC instant."""
    return datetime.fromtimestamp(seconds, UTC)


def new_id(kind: str, instant: datetime) -> str:
    """Make an identifier that sorts by time and says what it names: ``20261122T171500Z-full-3f9a``."""
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}-{kind}-{secrets.token_hex(2)}"


def humanize(span: timedelta) -> str:
    """Say a span of time in its two largest units: ``2 d 1 h``, ``4 min 30 s``, ``12 s``."""
    seconds = round(abs(span.total_seconds()))
    parts: list[str] = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
