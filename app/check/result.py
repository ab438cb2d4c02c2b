"""What one check answers: opaque ids and counts, nothing of a patient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from app.tools import opaque

LISTED = 100
"""So many ids are listed of one check; ``found`` says how many there are."""

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one check. ``checked`` is how many things were looked at, ``found`` how many are wrong."""

    name: str
    outcome: Outcome
    checked: int = 0
    found: int = 0
    findings: tuple[str, ...] = ()
    reason: str = ""

    def body(self) -> dict[str, object]:
        """The result as ``--json`` has it."""
        told: dict[str, object] = {
            "name": self.name,
            "outcome": self.outcome,
            "checked": self.checked,
            "found": self.found,
            "findings": list(self.findings),
        }
        return told | ({"reason": self.reason} if self.reason else {})


def judged(name: str, checked: int, wrong: Iterable[object], reason: str = "") -> Result:
    """Make a result of the ids of what is wrong; ``reason`` says what it means that they are listed."""
    ids = sorted({opaque(one) for one in wrong})
    return Result(
        name=name,
        outcome="failed" if ids else "passed",
        checked=checked,
        found=len(ids),
        findings=tuple(ids[:LISTED]),
        reason=reason if ids else "",
    )
