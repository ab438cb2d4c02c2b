"""Compares what was read of the live source with what a restored copy has: equal, different, or unknown. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from monitor import clock
from monitor.backup.exact.model import Reading
from monitor.backup.model import ClusterTime
from monitor.errors import Fault

EMPTY = hashlib.md5(usedforsecurity=False).hexdigest()
"""Of a collection without documents."""
LISTED = 100
"""So many collections are named in a record of each kind; how many there are is told as well."""
SERVERS_OWN = frozenset({"admin.system.version"})
"""A restored server keeps its own."""

Outcome = Literal["equal", "different", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What came out, by namespace. ``at`` is T; ``unknown`` and ``different`` say why; ``outside`` was not compared."""

    at: ClusterTime
    member: str
    equal: tuple[str, ...] = ()
    different: dict[str, str]
    unknown: dict[str, str]
    outside: tuple[str, ...] = ()
    bytes: int = 0
    seconds: float = 0.0

    @property
    def outcome(self) -> Outcome:
        """``equal`` only where nothing is known to differ and something was proved."""
        if self.different:
            return "different"
        return "equal" if self.equal else "unknown"

    def faults(self) -> tuple[Fault, ...]:
        """What is wrong with the copy."""
        return tuple(Fault(file=name, code="exact", message=why) for name, why in sorted(self.different.items()))

    def body(self) -> dict[str, Any]:
        """The proof as the store and ``--json`` have it."""
        return {
            "at": clock.to_rfc3339(self.at.at),
            "point": f"{self.at.time}.{self.at.increment}",
            "outcome": self.outcome,
            "member": self.member,
            "equal": len(self.equal),
            "different": dict(sorted(self.different.items())[:LISTED]),
            "different_count": len(self.different),
            "unknown": dict(sorted(self.unknown.items())[:LISTED]),
            "unknown_count": len(self.unknown),
            "outside": list(self.outside[:LISTED]),
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
        }


def compare(live: Reading, restored: Mapping[str, str]) -> Proof:
    """Compare digests by namespace; ``restored`` is what ``dbHash`` says of the copy as of ``live.at``."""
    equal: list[str] = []
    different: dict[str, str] = {}
    unknown: dict[str, str] = dict(live.unread)
    changed = live.changes.namespaces() - set(live.outside)
    for name in sorted((live.digests.keys() | restored.keys() | changed) - SERVERS_OWN - set(live.outside)):
        if name in unknown:
            continue
        if why := live.changes.of(name):
            unknown[name] = f"changed on the source after {_shown(live.at)}: {why}"
        elif live.digests.get(name, EMPTY) == restored.get(name, EMPTY) and _is_there(name, live, restored):
            equal.append(name)
        elif name not in restored:
            different[name] = f"{name}: the source had it at {_shown(live.at)}, the restored copy has not"
        elif name not in live.digests:
            different[name] = f"{name}: the restored copy has it, the source had not at {_shown(live.at)}"
        else:
            different[name] = f"{name}: its documents are not those that the source had at {_shown(live.at)}"
    return Proof(
        at=live.at,
        member=live.member,
        equal=tuple(equal),
        different=different,
        unknown=unknown,
        outside=live.outside,
        bytes=live.bytes,
        seconds=live.seconds,
    )


def _is_there(name: str, live: Reading, restored: Mapping[str, str]) -> bool:
    """Whether both have it. Users and roles a server makes room for when there is one: none are none."""
    return (name in live.digests and name in restored) or name.startswith("admin.system.")


def _shown(at: ClusterTime) -> str:
    return clock.to_rfc3339(at.at)
