"""The client-side ledger: what simulated patients were told, kept outside every database. docs/ledger.md describes it.

It holds opaque ids and outcomes only: no name, no e-mail address, no token.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from app.clock import from_rfc3339

Operation = Literal["register", "login", "slots", "book", "cancel", "list"]
Outcome = Literal["ok", "fail", "unknown"]
Backend = Literal["bookings", "api"]

_SYNC_EACH = 1.0


class LedgerError(Exception):
    """A ledger file is not what it should be; the message names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request as its sender saw it.

    ``outcome``: ``ok`` an answer that the edge counts as good; ``fail`` one that it counts as bad (5xx, 408, 429);
    ``unknown`` no HTTP answer. ``latency_s`` runs from the moment that the request was due. ``appointment`` is
    there only where one was booked or cancelled, and ``key`` (the Idempotency-Key) where one was to be booked: a
    repeated attempt has a line of its own with the same key.
    """

    at: str
    sent_at: str
    op: Operation
    outcome: Outcome
    status: int | None
    latency_s: float
    backend: Backend
    appointment: str | None = None
    key: str | None = None
    error: str | None = None


def instant(moment: datetime) -> str:
    """Write an instant as the ledger does: RFC 3339 in UTC, always with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Writer:
    """Appends to a new file ``<UTC start>-<pid>.jsonl``: flushed at each line, synced to disk each second."""

    def __init__(self, directory: Path, started: datetime) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = directory / f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.jsonl"
        self._file = self.path.open("a", encoding="utf-8")

    def write(self, entry: Entry) -> None:
        """Append one line."""
        row = {name: value for name, value in asdict(entry).items() if value is not None or name == "status"}
        if "error" in row:
            row["class"] = row.pop("error")
        self._file.write(json.dumps(row, separators=(",", ":")) + "\n")
        self._file.flush()

    async def keep_synced(self) -> None:
        """Force what was written to disk, each second, off the event loop, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SYNC_EACH)
            await loop.run_in_executor(None, os.fsync, self._file.fileno())

    def close(self) -> None:
        """Force everything to disk and close."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def entries(directory: Path) -> Iterator[Entry]:
    """Read all files of a ledger, oldest first. The last line of a file may be torn (a crash): it is left out.

    Raises:
        LedgerError: another line is malformed.
        OSError: the directory or a file cannot be read.
    """
    for file in sorted(directory.glob("*.jsonl")):
        lines = file.read_text(encoding="utf-8").split("\n")
        complete, _torn = lines[:-1], lines[-1]
        for number, line in enumerate(complete, start=1):
            yield _entry(line, f"{file}:{number}")


def acknowledged(directory: Path) -> frozenset[str]:
    """The appointments whose booking was confirmed to somebody: none of them may ever be missing from the database.

    Raises:
        LedgerError: a line is malformed.
        OSError: the directory or a file cannot be read.
    """
    return frozenset(
        entry.appointment
        for entry in entries(directory)
        if entry.op == "book" and entry.outcome == "ok" and entry.appointment is not None
    )


def outcomes(directory: Path, start: datetime, end: datetime) -> Counter[tuple[Backend, Outcome]]:
    """Count requests by backend and outcome whose answer (or failure) came within ``[start, end)``.

    Raises:
        LedgerError: a line is malformed.
        OSError: the directory or a file cannot be read.
    """
    return Counter(
        (entry.backend, entry.outcome) for entry in entries(directory) if start <= from_rfc3339(entry.at) < end
    )


def _entry(line: str, place: str) -> Entry:
    try:
        row = json.loads(line)
        if "class" in row:
            row["error"] = row.pop("class")
        return Entry(**row)
    except (ValueError, TypeError) as error:
        raise LedgerError(f"{place} is no ledger line") from error
