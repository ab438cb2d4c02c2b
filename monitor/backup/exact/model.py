"""What was read of the live source. A value; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.backup.exact.changes import Changes
from monitor.backup.model import ClusterTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read. ``digests`` by namespace, as ``dbHash`` has them; ``unread`` by namespace, with the reason.

    ``changes`` are those between ``at`` and the end of the reading; ``outside`` is capped, or a view.
    """

    at: ClusterTime
    member: str
    digests: dict[str, str]
    unread: dict[str, str] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    outside: tuple[str, ...] = ()
    bytes: int = 0
    seconds: float = 0.0
