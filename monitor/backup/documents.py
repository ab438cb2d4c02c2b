"""Small JSON documents in a depot (manifests of what is not MongoDB's): read strictly, with a digest of themselves.

The digest finds damage. It does not stop somebody who may write into the store; a sealed depot does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError

from monitor import clock
from monitor.backup.depot import Damaged, Depot

T = TypeVar("T")
LARGEST = 64 * 1024 * 1024


def encode(value: object) -> bytes:
    """Write a dataclass as one line of JSON, and the SHA-256 of that line."""
    converter = Converter()
    converter.register_unstructure_hook(datetime, clock.to_rfc3339)
    line = json.dumps(converter.unstructure(value), sort_keys=True, ensure_ascii=False).encode()
    return line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n"


def read(depot: Depot, key: str, kind: type[T]) -> tuple[T, str]:
    """Read a document; returns it and its SHA-256.

    Raises:
        Damaged: it was changed, cut off, or is none of this kind.
        KeyError: there is none of that key.
    """
    line, _, rest = content(depot, key, LARGEST).partition(b"\n")
    digest = hashlib.sha256(line).hexdigest()
    if rest != digest.encode() + b"\n":
        raise Damaged(f"{key} in {depot.name} does not match its own digest: it was changed or cut off")
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(datetime, lambda value, _: clock.from_rfc3339(_text(value)))
    for plain in (int, bool, str):
        converter.register_structure_hook(plain, _exactly(plain))
    try:
        fields = json.loads(line)
        if not isinstance(fields, Mapping):
            raise Damaged(f"{key} in {depot.name} is no JSON object")
        return converter.structure(fields, kind), digest
    except (BaseValidationError, ForbiddenExtraKeysError) as error:
        raise Damaged(f"{key} in {depot.name}: " + "; ".join(transform_error(error))[:500]) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(f"{key} in {depot.name} is no document of ours ({type(error).__name__})") from error


def content(depot: Depot, key: str, most: int) -> bytes:
    """Read a whole object that has ``most`` bytes at most.

    Raises:
        Damaged: it is larger.
        KeyError: there is none of that key.
    """
    found = bytearray()
    for chunk in depot.get(key):
        found += chunk
        if len(found) > most:
            raise Damaged(f"{key} in {depot.name} is larger than {most} bytes: it is none of ours")
    return bytes(found)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("no text")


def _exactly(kind: type) -> Any:
    def check(value: object, _: object) -> object:
        if type(value) is not kind:
            raise ValueError(f"no {kind.__name__}")
        return value

    return check
