"""The only place in the app that reads the wall clock, and the one form in which instants are written."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant in UTC, in whole milliseconds (what MongoDB keeps)."""
    instant = datetime.now(UTC)  # noqa: TID251  # this module is the app's clock
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def to_rfc3339(instant: datetime) -> str:
    """Format an aware instant as ``2026-11-22T17:15:00Z``, with milliseconds only where it has any."""
    utc = instant.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """Parse an RFC 3339 instant.

    Raises:
        ValueError: the text is no instant, or names no offset from UTC.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset from UTC, as in 2026-11-22T17:15:00Z")
    return instant.astimezone(UTC)
