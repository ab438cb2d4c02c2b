"""Entries of the oplog as they are read: only their top level is looked at, the rest stays as it was written. Pure.

What MongoDB 4.2 to 8.0 write was looked up in the server's own definition (``oplog_entry.idl``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bson import decode
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from monitor.backup.model import ClusterTime
from monitor.backup.oplog import point

LAZY: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_MS
)

RESTORE_DATABASE, RESTORE_COLLECTION = "monitor_restore", "progress"
"""Where a restore of ours says, in its target, how far it is."""
RESTORE_COMMANDS = f"{RESTORE_DATABASE}.$cmd"
"""Its collection being made or dropped: the very set that is captured was restored into, from here or up to here."""
RESTORE_MARK = RESTORE_COMMANDS.encode() + b"\0"

Entry = Mapping[str, Any]
NULL = Timestamp(0, 0)


class Position(NamedTuple):
    """An entry's identity in a replica set: where it stands, and in whose term it was written."""

    at: ClusterTime
    term: int


def parse(raw: bytes) -> Entry:
    """Read an entry's top level.

    Raises:
        bson.errors.BSONError: it is no document.
    """
    return decode(raw, codec_options=LAZY)


def position(entry: Entry) -> Position:
    """An entry's place; also of what ``replSetGetStatus`` tells."""
    return Position(point.of(entry["ts"]), int(entry.get("t", -1)))


def namespace(raw: bytes) -> str:
    """The namespace that an entry is about."""
    return str(parse(raw)["ns"])
