"""How long work tells how far it is. Whoever wants to show it hands in a function; the default shows nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """``done`` of about ``total`` of one step; ``total`` is 0 where it is not known."""

    step: str
    done: int = 0
    total: int = 0
    unit: Literal["bytes", "collections"] = "bytes"


ShowProgress = Callable[[Progress], None]


def quiet(_: Progress) -> None:
    """Show nothing."""
