"""JSON read as strictly as YAML is: no key twice, no number that is none, no half characters."""

from __future__ import annotations

import json
import math
from typing import Any

from monitor.catalogue.strict_yaml import Document
from monitor.errors import Fault

_SHOWN = 60


def parse(text: str, name: str) -> tuple[tuple[Document, ...], tuple[Fault, ...]]:
    """Read a text as the one document that it is, and everything that is wrong with it. Lines are not known."""
    faults: list[Fault] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                shown = key if len(key) <= _SHOWN else f"{key[:_SHOWN]}..."
                message = f"the key {shown} is given twice: keep one"
                faults.append(Fault(file=name, code="duplicate-key", message=message))
            found[key] = value
        return found

    try:
        data = json.loads(text, object_pairs_hook=mapping, parse_constant=_refused, parse_float=_finite)
        # "\\ud800" alone is a half of a character: nobody could print or write it.
        json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        reason = "half a character" if isinstance(error, UnicodeEncodeError) else str(error)
        return (), (Fault(file=name, line=line, code="json", message=f"is not JSON: {reason}"),)
    return (Document(file=name, data=data),), tuple(dict.fromkeys(faults))


def _finite(written: str) -> float:
    number = float(written)
    if math.isinf(number):
        raise ValueError(f"{written[:_SHOWN]} is larger than any number")
    return number


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no number")
