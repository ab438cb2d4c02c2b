"""A limit that was set before it was measured, and whether it was kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """What is promised, and whether it was kept."""

    text: str
    kept: bool

    def __str__(self) -> str:
        return f"{'kept  ' if self.kept else 'MISSED'}  {self.text}"
