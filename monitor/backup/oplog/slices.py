"""One slice of the oplog as an object: a header (one line of JSON), then the entries' raw BSON, zstd. Pure.

A slice holds every entry after ``begin`` up to and with ``end``. ``previous`` is the digest of the header before it, so
that whoever has the newest header can tell whether anything before it was changed, left out or put back.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import zstandard

from monitor.backup.model import ClusterTime
from monitor.backup.oplog import point
from monitor.errors import InputError

SCHEMA = 1
ROOT = "oplog"
SUFFIX = ".slice"
LEVEL = 1
"""Of zstd: 100,000 entries of 46 MB become 1 MB in a quarter of a second; higher levels gain little on oplogs."""
MOST_BYTES = 64 * 1024 * 1024
"""Of raw entries: no slice of ours is larger, so that nobody's memory is filled by one that claims to be."""
_HEADER_MOST = 8192
_DIGEST, _DIGEST_OR_NONE = re.compile(r"[0-9a-f]{64}"), re.compile(r"([0-9a-f]{64})?")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TIMELINE = re.compile(r"[0-9]{6}-[0-9a-f]{4}")
"""As captures name them: a number that grows. What is in a folder of another name is nobody's newest slice."""
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,300}")


class SliceError(InputError):
    """An object is no slice, or not as it was written. The message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a slice is. ``sha256`` is of the raw entries; ``term`` and ``end`` are the newest entry's identity."""

    replica_set: str
    timeline: str
    begin: ClusterTime
    end: ClusterTime
    count: int
    size: int
    """Bytes of raw entries."""
    sha256: str
    previous: str
    """Empty: a timeline begins here."""
    member: str
    term: int

    def line(self) -> bytes:
        """The header's line, as it is written."""
        fields = {
            "schema": SCHEMA,
            "replica_set": self.replica_set,
            "timeline": self.timeline,
            "from": point.text(self.begin),
            "to": point.text(self.end),
            "count": self.count,
            "bytes": self.size,
            "sha256": self.sha256,
            "previous": self.previous,
            "member": self.member,
            "term": self.term,
        }
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"

    @property
    def digest(self) -> str:
        """What the next slice calls ``previous``."""
        return hashlib.sha256(self.line()).hexdigest()

    @property
    def key(self) -> str:
        """Where it lies."""
        return f"{prefix(self.replica_set)}{self.timeline}/{point.padded(self.begin)}_{point.padded(self.end)}{SUFFIX}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Name:
    """What a key alone says; sorts by timeline, then by time."""

    timeline: str
    end: ClusterTime
    begin: ClusterTime
    key: str


def prefix(replica_set: str) -> str:
    """What all keys of a replica set begin with."""
    return f"{ROOT}/{replica_set}/"


def parse_key(key: str) -> Name | None:
    """Read a key; ``None`` for what is no slice."""
    parts = key.split("/")
    if len(parts) != 4 or parts[0] != ROOT or not key.endswith(SUFFIX):  # noqa: PLR2004  # see Header.key
        return None
    if not _TIMELINE.fullmatch(parts[2]):
        return None
    begin, _, end = parts[3].removesuffix(SUFFIX).partition("_")
    try:
        return Name(timeline=parts[2], begin=point.parse(begin), end=point.parse(end), key=key)
    except ValueError:
        return None


def encode(header: Header, raw: bytes) -> Iterator[bytes]:
    """The object's bytes."""
    yield header.line()
    yield zstandard.ZstdCompressor(level=LEVEL).compress(raw)


def read_header(key: str, content: Iterable[bytes]) -> tuple[Header, bytes]:
    """Read the header, and return what was read beyond it.

    Raises:
        SliceError: there is none that belongs to this key.
    """
    head = b""
    for chunk in content:
        head += chunk
        if b"\n" in head or len(head) > _HEADER_MOST:
            break
    line, newline, rest = head.partition(b"\n")
    if not newline or len(line) > _HEADER_MOST:
        raise SliceError(f"{key}: it does not begin with a slice's header: it was cut off, or is something else")
    header = _parse(key, line)
    if header.key != key:
        raise SliceError(f"{key}: it is the slice {header.key}: somebody moved it")
    return header, rest


def decode(key: str, content: Iterator[bytes]) -> tuple[Header, bytes]:
    """Read a whole slice, and check that it is as it was written.

    Raises:
        SliceError: it is not.
    """
    header, rest = read_header(key, content)
    packed = bytearray(rest)
    for chunk in content:
        packed += chunk
        if len(packed) > MOST_BYTES + 1024 * 1024:
            raise SliceError(f"{key}: it is larger than any slice of ours")
    try:
        stream = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(bytes(packed))
        raw = stream.read(header.size + 1)
    except zstandard.ZstdError as error:
        raise SliceError(f"{key}: its entries cannot be unpacked: it was damaged or cut off") from error
    if len(raw) != header.size or hashlib.sha256(raw).hexdigest() != header.sha256:
        raise SliceError(f"{key}: its entries are not what was written (SHA-256 differs)")
    return header, raw


def documents(raw: bytes) -> Iterator[bytes]:
    """Cut entries that lie back to back.

    Raises:
        SliceError: they do not: somebody wrote that slice who may write into the store.
    """
    offset, end = 0, len(raw)
    while offset < end:
        size = int.from_bytes(raw[offset : offset + 4], "little")
        if size < 5 or offset + size > end:  # noqa: PLR2004  # BSON: 4 bytes of length, 1 of end
            raise SliceError("a slice holds what are no entries: somebody else has written it")
        yield raw[offset : offset + size]
        offset += size


def _parse(key: str, line: bytes) -> Header:
    try:
        fields = json.loads(line)
        schema = fields["schema"]
        header = Header(
            replica_set=_matching(_WORD, fields["replica_set"]),
            timeline=_matching(_WORD, fields["timeline"]),
            begin=point.parse(fields["from"]),
            end=point.parse(fields["to"]),
            count=_number(fields["count"]),
            size=_number(fields["bytes"]),
            sha256=_matching(_DIGEST, fields["sha256"]),
            previous=_matching(_DIGEST_OR_NONE, fields["previous"]),
            member=_matching(_HOST, fields["member"]),
            term=_number(fields["term"], least=-1),
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SliceError(f"{key}: its header cannot be read ({type(error).__name__})") from error
    if schema != SCHEMA:
        raise SliceError(f"{key}: it is of schema {str(schema)[:20]}, this program reads {SCHEMA}")
    if header.begin >= header.end or header.size > MOST_BYTES:
        raise SliceError(f"{key}: its header says what no slice of ours does")
    return header


def _matching(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise ValueError("a name or digest is none")
    return value


def _number(value: object, *, least: int = 0) -> int:
    if type(value) is not int or value < least:
        raise ValueError("a number is none")
    return value
