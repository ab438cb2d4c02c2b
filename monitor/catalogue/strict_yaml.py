"""YAML read without surprises: what a person wrote is what the program sees, or it is a fault with file and line.

YAML 1.1 silently turns ``no`` into false, ``12:30`` into 750, ``0123`` into 83 and keeps the last of two equal keys;
aliases let ten lines become ten million. All of these are refused here. PyYAML's C parser gives events with marks; the
values are built from those, so that nothing is resolved behind our back and depth stays bounded.
"""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from monitor.errors import Fault

MAX_BYTES = 10_000_000
"""Of one file: ten thousand SLOs, each with its indicator."""
MAX_DEPTH = 40
MAX_DIGITS = 18
"""Of a whole number: 64 bits hold any of them, and every reader takes them for the same number."""

_STILL_READABLE = frozenset({"ambiguous", "duplicate-key", "tag"})
"""Faults after which the document's other values are what was written: they are looked at in the same run."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML was built with it (ten times faster), the same grammar in Python elsewhere."""

_SHOWN = 40
"""How much of a value is shown in a message."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")
_COERCED = re.compile(
    r"""y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF      # booleans to some parsers
    |[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?              # base 60
    |[-+]?0[0-9xob_][0-9a-fA-F_]*|[-+]?[0-9]+_[0-9_]*          # octal, hexadecimal, underscores
    |[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?                  # dates
    |[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|[-+]?\.[0-9]+|[-+]?[0-9]+\.|[-+]?[0-9.]+[eE][-+]?[0-9]+""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML document: plain values, and the line that each field stands on, by dotted path."""

    file: str
    data: Any
    lines: dict[str, int] = field(default_factory=dict)

    def line(self, path: str) -> int:
        """The line of a field, or of the nearest one around it."""
        while path and path not in self.lines:
            # Keys may hold dots and brackets themselves, so each round must shorten the path whatever it looks like.
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 0)

    def fault(self, code: str, message: str, path: str = "") -> Fault:
        """A fault at a field of this document."""
        return Fault(file=self.file, line=self.line(path), path=path, code=code, message=message)


def read_text(path: Path, name: str) -> str | Fault:
    """Read one file as UTF-8; ``name`` is how messages call it.

    Only a regular file is opened: a pipe would be waited for, and a device such as ``/dev/zero`` has no end.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            found = "a directory" if stat.S_ISDIR(mode) else "a pipe, socket or device"
            return Fault(file=name, code="not-a-file", message=f"is {found}, a file is expected")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            return Fault(file=name, code="too-large", message=f"is larger than {MAX_BYTES} bytes")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        return Fault(file=name, code="not-utf-8", message=f"is not UTF-8 text (byte {error.start})")
    except OSError as error:
        return Fault(file=name, code="unreadable", message=f"cannot be read: {error.strerror}")


def read(path: Path, name: str, texts: Collection[str] = ()) -> tuple[tuple[Document, ...], tuple[Fault, ...]]:
    """Read every document of a file, and everything that is wrong with its YAML; ``texts`` as for ``parse``."""
    text = read_text(path, name)
    return ((), (text,)) if isinstance(text, Fault) else parse(text, name, texts)


def parse(text: str, name: str, texts: Collection[str] = ()) -> tuple[tuple[Document, ...], tuple[Fault, ...]]:
    """Read every document of a text, and everything that is wrong with its YAML.

    ``texts`` are fields in which a date is a text for everybody, quoted or not.

    Where a fault is in one value alone (``_STILL_READABLE``) the documents are there all the same, so that the rest of
    the file can be looked at; whoever uses them must have looked at the faults. After any other fault there are none.
    """
    builder = _Builder(name, texts)
    try:
        documents = tuple(builder.documents(yaml.parse(text, Loader=_LOADER)))
    except _TooDeep as error:
        return (), (Fault(file=name, line=error.line, code="too-deep", message=f"is nested deeper than {MAX_DEPTH}"),)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return (), (
            Fault(file=name, line=mark.line + 1 if mark else 0, code="yaml", message=f"is not YAML: {error.problem}"),
        )
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return (), (Fault(file=name, line=line, code="yaml", message=f"is not YAML: {error.reason}"),)
    if not documents and not builder.faults:
        return (), (Fault(file=name, code="empty", message="is empty: remove it, or fill it in"),)
    readable = all(fault.code in _STILL_READABLE for fault in builder.faults)
    return (documents if readable else ()), tuple(builder.faults)


class _TooDeep(Exception):  # noqa: N818  # reads as the condition it is; never leaves this module
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Builder:
    """Turns parser events into values, noting lines and faults on the way."""

    def __init__(self, name: str, texts: Collection[str]) -> None:
        self.name = name
        self.texts = texts
        self.faults: list[Fault] = []
        self._lines: dict[str, int] = {}

    def documents(self, events: Iterator[Any]) -> Iterator[Document]:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._lines = {}
                value = self._value(next(events), events, "", 1)
                if value is not None:
                    yield Document(file=self.name, data=value, lines=self._lines)

    def _value(self, event: Any, events: Iterator[Any], path: str, depth: int) -> Any:
        line = event.start_mark.line + 1
        self._lines.setdefault(path, line)
        if depth > MAX_DEPTH:
            raise _TooDeep(line)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._fault(line, path, "alias", "uses an anchor or alias (& or *): write the value out")
        if isinstance(event, yaml.AliasEvent):
            return None
        if event.tag is not None:
            self._fault(line, path, "tag", f"has the tag {event.tag}: tags are not used here")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path, depth)
        return self._scalar(event, path, line)

    def _mapping(self, events: Iterator[Any], path: str, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent) or event.value == "<<":
                self._fault(line, path, "key", "has a key that is not plain text")
                self._value(event, events, path, depth + 1)
                self._value(next(events), events, path, depth + 1)
                continue
            place = f"{path}.{event.value}" if path else event.value
            if event.value in values:
                self._fault(line, place, "duplicate-key", "is given twice: keep one")
            self._lines[place] = line
            values[event.value] = self._value(next(events), events, place, depth + 1)
        return values

    def _sequence(self, events: Iterator[Any], path: str, depth: int) -> list[Any]:
        values: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            values.append(self._value(event, events, f"{path}[{len(values)}]", depth + 1))
        return values

    def _scalar(self, event: Any, path: str, line: int) -> str | int | float | bool | None:
        text: str = event.value
        if event.style:  # quoted or block: exactly the text
            return text
        if text in _NULL:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if _INTEGER.fullmatch(text) and len(text) <= MAX_DIGITS:
            return int(text)
        if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
            return number
        if self._is_ambiguous(text, path):
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
            self._fault(line, path, "ambiguous", f"{shown} means different things to different readers: quote it")
        return text

    def _is_ambiguous(self, text: str, path: str) -> bool:
        if _DATE.fullmatch(text) and path.rpartition(".")[2] in self.texts:
            return False
        return bool(_INTEGER.fullmatch(text) or _FLOAT.fullmatch(text) or _COERCED.fullmatch(text))

    def _fault(self, line: int, path: str, code: str, message: str) -> None:
        self.faults.append(Fault(file=self.name, line=line, path=path, code=code, message=message))
