"""Where something was written. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in the catalogue something was written, for messages."""

    file: str
    line: int = 0
