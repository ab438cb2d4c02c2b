"""When a certificate ends. Just enough DER for that: a library that knows all of X.509 takes 10 MB of memory.

RFC 5280, section 4.1: ``Certificate > TBSCertificate > [version,] serial, signature, issuer, Validity``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

_VERSION, _UTC_TIME = 0xA0, 0x17
_LONG_FORM, _LENGTH_BITS = 0x80, 0x7F
_BEFORE_VALIDITY = 3
"""Serial number, signature algorithm, issuer."""


class _Field(NamedTuple):
    tag: int
    content: bytes


def ends(der: bytes) -> float:
    """Return a certificate's ``notAfter`` as a Unix timestamp.

    Raises:
        ValueError: these bytes are no certificate.
    """
    try:
        certificate = next(_fields(der))
        tbs = [*_fields(next(_fields(certificate.content)).content)]
        validity = tbs[_BEFORE_VALIDITY + (tbs[0].tag == _VERSION)]
        _, not_after = _fields(validity.content)
    except (IndexError, StopIteration) as error:
        raise ValueError("not a certificate") from error
    form = "%y%m%d%H%M%SZ" if not_after.tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(not_after.content.decode("ascii"), form).replace(tzinfo=UTC).timestamp()


def _fields(der: bytes) -> Iterator[_Field]:
    """Split what is inside of one field into its fields."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & _LONG_FORM:
            octets = length & _LENGTH_BITS
            length, at = int.from_bytes(der[at : at + octets], "big"), at + octets
        if at + length > len(der):
            raise IndexError
        yield _Field(tag, der[at : at + length])
        at += length
