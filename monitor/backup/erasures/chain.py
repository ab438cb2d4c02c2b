"""One erasure is one object of two lines: what is said, as JSON, and the signature of exactly these bytes.

Each names the SHA-256 of the first line of the one before, so that none can be changed, taken out or put between. That
the newest were cut off is seen only by who remembers them: ``anchors`` are the heads that others have noted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from monitor import clock
from monitor.errors import InputError

SCHEMA_VERSION = 1
FIRST = "0" * 64
"""What stands for the one before the first."""
LARGEST = 16 * 1024
"""Bytes of one object; those that we write have some hundred."""

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], bool]
"""``(signature, signed)``: whether one is of the other."""

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,127}")
_NAME = re.compile(r"[^\x00-\x1f\x7f$/\\ .@]{1,63}")
_COLLECTION = re.compile(r"[^\x00-\x1f\x7f$@]{1,255}")
_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f@]{1,200}")
_FIELDS = frozenset({"schema_version", "number", "at", "database", "collection", "id", "by", "why", "previous"})


class ErasuresRefused(InputError):  # noqa: N818  # reads as the sentence it is
    """The list of erasures cannot be trusted; the message says in one sentence why."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Subject:
    """Who or what is to be forgotten: the ``_id`` of a document, as text."""

    database: str
    collection: str
    id: str

    def __post_init__(self) -> None:
        """Refuse what is no name or no opaque id: the list outlives the data, so it may hold nothing of it."""
        if not (_NAME.fullmatch(self.database) and _COLLECTION.fullmatch(self.collection)):
            raise InputError(f"{self.namespace[:100]!r} is no database and collection")
        if not _ID.fullmatch(self.id):
            raise InputError(
                "the id of an erasure is opaque: letters, digits and .:_- only, 128 at most; never a name or an address"
            )

    @property
    def namespace(self) -> str:
        """``database.collection``."""
        return f"{self.database}.{self.collection}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One entry: whom, when, who says so and why, and what came before."""

    number: int
    at: datetime
    subject: Subject
    by: str
    why: str
    previous: str

    def __post_init__(self) -> None:
        """Refuse texts that could carry an address, or change a terminal."""
        for name in ("by", "why"):
            if not _TEXT.fullmatch(getattr(self, name)):
                raise InputError(f"--{name} should be 1 to 200 characters on one line, without @: no address, no name")

    def line(self) -> bytes:
        """The bytes that are signed."""
        fields = {"schema_version": SCHEMA_VERSION, "number": self.number, "at": clock.to_rfc3339(self.at)}
        fields |= asdict(self.subject) | {"by": self.by, "why": self.why, "previous": self.previous}
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()

    @property
    def head(self) -> Head:
        """What a list that ends here is known by."""
        return Head(number=self.number, sha256=hashlib.sha256(self.line()).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How many entries a list had, and the digest of the last one."""

    number: int = 0
    sha256: str = FIRST


def encode(erasure: Erasure, sign: Sign) -> bytes:
    """Return an entry's object."""
    line = erasure.line()
    return line + b"\n" + base64.b64encode(sign(line)) + b"\n"


def decode(number: int, content: bytes, verify: Verify) -> Erasure:
    """Read an entry's object.

    Raises:
        ErasuresRefused: it is not signed by who may, or no entry.
    """
    lines = content.split(b"\n")
    try:
        line, signature = lines[0], base64.b64decode(lines[1], validate=True)
        whole = len(lines) == 3 and not lines[2]  # noqa: PLR2004  # two lines, each with its end
    except (IndexError, binascii.Error):
        line, signature, whole = b"", b"", False
    if not whole or not verify(signature, line):
        raise ErasuresRefused(
            f"erasure {number} is not signed with the key that verifies the list: it was changed, or the key is another"
        )
    try:
        return _read(json.loads(line))
    except (ValueError, TypeError, KeyError, InputError) as error:
        raise ErasuresRefused(f"erasure {number} is signed, but no entry that this program knows") from error


def chained(entries: Iterable[tuple[int, Erasure]], anchors: Iterable[Head]) -> tuple[Erasure, ...]:
    """Check that entries (with the numbers that their keys have) follow one another, and reach every anchor.

    Raises:
        ErasuresRefused: one is missing, moved or replaced, or the newest were cut off.
    """
    heads = [Head()]
    found = []
    for number, entry in entries:
        expected = heads[-1]
        if number != expected.number + 1 or entry.number != number:
            raise ErasuresRefused(f"erasure {expected.number + 1} is missing from the list, or stands elsewhere in it")
        if entry.previous != expected.sha256:
            raise ErasuresRefused(f"erasure {number} does not follow the one before it: one of them was replaced")
        heads.append(entry.head)
        found.append(entry)
    for anchor in anchors:
        if anchor.number >= len(heads):
            raise ErasuresRefused(
                f"the list of erasures ends with {len(found)}, and {anchor.number} were known: it was cut off"
            )
        if heads[anchor.number] != anchor:
            raise ErasuresRefused(f"erasure {anchor.number} is not the one that was known: the list was replaced")
    return tuple(found)


def _read(fields: Any) -> Erasure:
    if not isinstance(fields, dict) or fields.keys() != _FIELDS or fields["schema_version"] != SCHEMA_VERSION:
        raise ValueError("no entry of this schema")
    texts = {name: fields[name] for name in ("database", "collection", "id", "by", "why", "previous", "at")}
    if not all(isinstance(value, str) for value in texts.values()) or type(fields["number"]) is not int:
        raise ValueError("no entry")
    return Erasure(
        number=fields["number"],
        at=clock.from_rfc3339(texts["at"]),
        subject=Subject(database=texts["database"], collection=texts["collection"], id=texts["id"]),
        by=texts["by"],
        why=texts["why"],
        previous=texts["previous"],
    )
