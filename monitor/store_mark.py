"""A mark of all that was sealed: whoever has kept one can tell whether what was told then is still told.

Triggers refuse to change or delete a sealed day or a correction, and whoever can write the file can drop them. But each
report ends with the mark of its hour, and a report that was sent is out of his reach.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256

from monitor.errors import InputError
from monitor.store import Store

_COUNTS = ("SELECT count(*) FROM slo_days", "SELECT count(*) FROM slo_corrections")
_AS_TOLD = (
    "SELECT slo, start_at, end_at, version, day, sealed_at, reason, body FROM slo_days ORDER BY rowid LIMIT ?",
    "SELECT id, slo, at, body FROM slo_corrections ORDER BY rowid LIMIT ?",
)
"""In the order in which they were told: rows are only ever added, so the first so many are those of then."""

_MARK = re.compile(r"([0-9]{1,9})-([0-9]{1,9})-([0-9a-f]{32})")


def mark(store: Store) -> str:
    """Everything that is told until now as one short text: how many days, how many corrections, and their digest."""
    days, corrections = (int(store.rows(query)[0][0]) for query in _COUNTS)
    return f"{days}-{corrections}-{_digest(store, days, corrections)}"


def agrees(store: Store, made: str) -> bool:
    """Whether everything that was told when a mark was made is still told so; what was added since is no matter.

    Raises:
        InputError: it is no mark.
    """
    parts = _MARK.fullmatch(made.strip())
    if parts is None:
        raise InputError(
            f"{made[:60]!r} is no mark of sealed records: each report ends with one (48-1- and 32 letters)"
        )
    return _digest(store, int(parts[1]), int(parts[2])) == parts[3]


def _digest(store: Store, days: int, corrections: int) -> str:
    digest = sha256()
    for query, many in zip(_AS_TOLD, (days, corrections), strict=True):
        rows = store.rows(query, (many,))
        digest.update(json.dumps([len(rows), rows]).encode())
    return digest.hexdigest()[:32]
