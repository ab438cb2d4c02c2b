"""mongodump's directory format, byte for byte, so that the stock ``mongorestore`` reads our backups. Pure.

::

    dump/prelude.json                    server and tool version
    dump/<db>/<collection>.bson          documents back to back
    dump/<db>/<collection>.metadata.json options, indexes, UUID; canonical Extended JSON v2 in one line
    dump/<db>/system.buckets.<ts>.bson   a time series' data; its metadata is <ts>.metadata.json

The rules come from mongo-tools 100.18 (mongodump/prepare.go, metadata_dump.go).
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus

from bson import json_util
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError
from bson.json_util import JSONMode, JSONOptions

from monitor.backup.oplog.entries import RESTORE_DATABASE

_JSON = JSONOptions(
    json_mode=JSONMode.CANONICAL,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)

LONGEST_NAME = 238
"""A longer escaped name is cut: with ``.metadata.json.gz`` a file name stays within 255 bytes."""
CUT_NAME = 208

LEAST_EXPONENT, MOST_EXPONENT = -4, 6
"""Where Go's ``FormatFloat(x, 'G', -1, 64)`` changes to writing an exponent."""

CONFIG_COLLECTIONS = {"chunks", "collections", "databases", "settings", "shards", "tags", "version"}
"""What of ``config`` is data; the rest is the server's own state."""
ADMIN_SYSTEM_COLLECTIONS = {"system.users", "system.roles", "system.version", "system.js"}
BUCKETS = "system.buckets."


def file_name(collection: str) -> str:
    """Return a collection's file name, without extension."""
    # Go's url.QueryEscape, which mongodump uses, and quote_plus leave the same characters alone.
    escaped = quote_plus(collection, safe="")
    if len(escaped) <= LONGEST_NAME:
        return escaped
    digest = hashlib.sha1(collection.encode(), usedforsecurity=False).digest()
    return f"{escaped[:CUT_NAME]}%24{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def is_dumped(database: str, collection: str) -> bool:
    """Whether mongodump would dump a namespace: server state, and what is dumped as part of something else, is not.

    Nor is what a restore of ours keeps in its target until it is done: in another target it would be that one's.
    """
    if database in {"local", RESTORE_DATABASE} or database.startswith("__mdb_internal") or "$" in collection:
        return False
    if database == "config":
        return collection in CONFIG_COLLECTIONS
    if database == "admin":
        return not collection.startswith("system.") or collection in ADMIN_SYSTEM_COLLECTIONS
    return not collection.startswith("system.") or collection == "system.js"


def metadata(
    *, name: str, kind: str, uuid: str, options: Mapping[str, Any], indexes: Sequence[Mapping[str, Any]]
) -> bytes:
    """Return the content of a ``.metadata.json``; ``options`` and ``indexes`` as the server told them."""
    document: dict[str, Any] = {}
    if options:
        document["options"] = options
    document["indexes"] = list(indexes)
    if uuid:
        document["uuid"] = uuid
    document["collectionName"] = name
    document["type"] = kind
    return canonical(document)


def read_metadata(content: bytes) -> dict[str, Any]:
    """Read a ``.metadata.json``.

    Raises:
        ValueError: it is no canonical Extended JSON document.
    """
    try:
        document = json.loads(content, object_hook=_value)
    except (BSONError, TypeError, KeyError, ValueError, RecursionError, ArithmeticError) as error:
        raise ValueError(f"no Extended JSON ({type(error).__name__})") from error
    if not isinstance(document, dict) or not _is_metadata(document):
        raise ValueError("no metadata document")
    return document


def _is_metadata(document: dict[str, Any]) -> bool:
    name, options, indexes = (
        document.get("collectionName", ""),
        document.get("options", {}),
        document.get("indexes", []),
    )
    return (
        isinstance(name, str)
        and isinstance(options, dict)
        and isinstance(indexes, list)
        and all(isinstance(index, dict) and isinstance(index.get("name"), str) for index in indexes)
    )


def _value(fields: dict[str, Any]) -> Any:
    """What a JSON object stands for. ``$regex`` is an operator of queries, and keeps whatever stands beside it.

    The library takes it for an older form of a regular expression, which canonical Extended JSON does not have.
    """
    return fields if "$regex" in fields else json_util.object_hook(fields, _JSON)


def prelude(server_version: str, tool_version: str) -> bytes:
    """Return the content of ``prelude.json``."""
    return canonical({"ServerVersion": server_version, "ToolVersion": tool_version})


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return a document as canonical Extended JSON v2: one line, no spaces, UTF-8 unescaped."""
    text = json_util.dumps(
        _with_doubles_as_go_writes_them(document), json_options=_JSON, separators=(",", ":"), ensure_ascii=False
    )
    # Go escapes the two line separators that JavaScript once did not allow in strings.
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()


def _with_doubles_as_go_writes_them(value: Any) -> Any:
    """Return ``value`` with each double already in its JSON form, which is the one place where the drivers differ."""
    if isinstance(value, float):
        return {"$numberDouble": double(value)}
    if isinstance(value, Mapping):
        return {name: _with_doubles_as_go_writes_them(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_doubles_as_go_writes_them(inner) for inner in value]
    return value


def double(number: float) -> str:
    """Return a double as the Go driver writes it: shortest digits, an exponent from a million on and below 0.0001."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    sign, digits, shift = Decimal(repr(number)).normalize().as_tuple()
    text = "".join(map(str, digits))
    exponent = len(text) - 1 + int(shift)
    if number != 0 and not LEAST_EXPONENT <= exponent < MOST_EXPONENT:
        mantissa = text[0] + (f".{text[1:]}" if text[1:] else "")
        return f"{'-' * sign}{mantissa}E{'-' if exponent < 0 else '+'}{abs(exponent):02}"
    return repr(number)
