"""What patients were told, from the client-side ledger (docs/ledger.md): it lives outside every database we break."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from monitor import clock
from monitor.errors import InputError

BLOCK = 1 << 20
"""Files are read from their end, in blocks of this size, until the lines are older than what is asked for."""

SLACK = timedelta(seconds=30)
"""Lines are in the order the answers came; ``sent_at`` may be older by the patience of a client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One request as its sender saw it; see docs/ledger.md for the words."""

    at: datetime
    sent_at: datetime
    op: str
    outcome: str
    appointment: str | None
    key: str | None

    @property
    def is_booking(self) -> bool:
        """Whether a patient was told: booked."""
        return self.op == "book" and self.outcome == "ok" and self.appointment is not None


def read(directory: Path, since: datetime) -> tuple[Answer, ...]:
    """Return what was answered since an instant, oldest first; nothing if there is no ledger.

    Raises:
        InputError: a line is not what docs/ledger.md says.
    """
    files = [file for file in directory.glob("*.jsonl") if file.stat().st_mtime >= since.timestamp()]
    answers = [answer for file in files for answer in _read_file(file, since)]
    return tuple(sorted(answers, key=lambda answer: answer.at))


def bookings(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Keep the acknowledged bookings."""
    return tuple(answer for answer in answers if answer.is_booking)


def doubled(answers: Iterable[Answer]) -> tuple[str, ...]:
    """Return the keys for which two different appointments were acknowledged: one wish, booked twice."""
    by_key: dict[str, set[str]] = {}
    for answer in bookings(answers):
        if answer.key is not None and answer.appointment is not None:
            by_key.setdefault(answer.key, set()).add(answer.appointment)
    return tuple(sorted(key for key, appointments in by_key.items() if len(appointments) > 1))


def first_after(acknowledged: Iterable[Answer], instant: datetime) -> Answer | None:
    """Return the first acknowledgement of a booking that was sent after an instant."""
    return next((answer for answer in acknowledged if answer.sent_at >= instant), None)


def longest_gap(acknowledged: Iterable[Answer], start: datetime, end: datetime) -> timedelta | None:
    """Return the longest time without an acknowledgement that touches ``start`` to ``end``; ``None`` without two."""
    gaps = [
        later.at - earlier.at for earlier, later in pairwise(acknowledged) if later.at >= start and earlier.at <= end
    ]
    return max(gaps, default=None)


def _read_file(file: Path, since: datetime) -> Iterator[Answer]:
    for line in _lines_since(file, since):
        answer = _parse(line, file)
        if answer.at >= since:
            yield answer


def _lines_since(file: Path, since: datetime) -> list[bytes]:
    """Return the last lines of a file, from before ``since`` on. A torn last line is left out."""
    with file.open("rb") as stream:
        position = stream.seek(0, 2)
        tail = b""
        while position > 0:
            size = min(BLOCK, position)
            position -= size
            stream.seek(position)
            tail = stream.read(size) + tail
            first, newline, _ = tail.partition(b"\n") if position == 0 else tail.partition(b"\n")[2].partition(b"\n")
            if newline and _parse(first, file).at < since - SLACK:
                break
    lines = tail.split(b"\n")
    # What follows the last newline is torn; what precedes the first one is, unless the file begins there.
    return [line for line in lines[0 if position == 0 else 1 : -1] if line]


def _parse(line: bytes, file: Path) -> Answer:
    try:
        fields: dict[str, Any] = json.loads(line)
        return Answer(
            at=clock.from_rfc3339(fields["at"]),
            sent_at=clock.from_rfc3339(fields["sent_at"]),
            op=str(fields["op"]),
            outcome=str(fields["outcome"]),
            appointment=fields.get("appointment"),
            key=fields.get("key"),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} holds a line that is not as docs/ledger.md says ({type(error).__name__})") from error
