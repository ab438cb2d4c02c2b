"""Whether every booking that somebody was told of is there: the ledger against the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pymongo.database import Database

from app.check.result import Result, judged
from app.clock import from_rfc3339
from app.ledger import entries
from app.tools import Document

NAME = "acknowledged"
AT_ONCE = 10_000


def check(data: Database[Document], directory: Path, until: datetime | None) -> Result:
    """Look for every acknowledged booking, up to ``until``: a copy as of then cannot hold what came later.

    Raises:
        LedgerError: a line is malformed.
        OSError: the directory or a file cannot be read.
        PyMongoError: MongoDB cannot be reached.
    """
    promised = sorted(set(_acknowledged(directory, until)))
    missing: list[str] = []
    for first in range(0, len(promised), AT_ONCE):
        wanted = promised[first : first + AT_ONCE]
        there = {row["_id"] for row in data["appointments"].find({"_id": {"$in": wanted}}, {"_id": 1})}
        missing += [one for one in wanted if one not in there]
    return judged(NAME, len(promised), missing, "they were confirmed to somebody and are gone")


def _acknowledged(directory: Path, until: datetime | None) -> Iterator[str]:
    for entry in entries(directory):
        known = entry.op == "book" and entry.outcome == "ok" and entry.appointment is not None
        if known and entry.appointment and (until is None or from_rfc3339(entry.at) <= until):
            yield entry.appointment
