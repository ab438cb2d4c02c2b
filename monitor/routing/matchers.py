"""Alertmanager's matchers: ``severity="critical"``, ``alertname=~"Mongo.*"``, or several in one text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from monitor.routing import re2

Operator = Literal["=", "!=", "=~", "!~"]

_MATCHER = re.compile(
    r"\s*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*|\"(?:[^\"\\]|\\.)+\")\s*(?P<op>=~|=|!=|!~)\s*(?P<value>.*?)\s*", re.DOTALL
)
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}
_ESCAPED = re.compile(r'\\[n"\\]')


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a label that an alert has not is an empty text."""

    name: str
    op: Operator
    value: str

    def accepts(self, text: str) -> bool:
        """Whether a label of this value fulfils it."""
        match self.op:
            case "=":
                return text == self.value
            case "!=":
                return text != self.value
            case "=~":
                return re2.matches(self.value, text)
            case "!~":
                return not re2.matches(self.value, text)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels fulfils it."""
        return self.accepts(labels.get(self.name, ""))

    def __str__(self) -> str:
        """As Alertmanager writes it."""
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{escaped}"'


def matcher(name: str, op: Operator, value: str) -> Matcher:
    """Make a matcher.

    Raises:
        ValueError: its value is no regular expression that is understood.
    """
    if op in {"=~", "!~"}:
        re2.parse(value)
    return Matcher(name, op, value)


def parse(text: str) -> tuple[Matcher, ...]:
    """Read matchers as they stand in ``matchers:``, ``source_matchers:`` and ``target_matchers:``.

    Raises:
        ValueError: the text is none; the message begins with it.
    """
    # Each brace by itself, as Alertmanager does: of a=~x{2}, not in quotes, it takes x{2 for the value.
    inner = text.strip().removeprefix("{").removesuffix("}")
    return tuple(_one(part) for part in _parts(inner) if part.strip())


def _one(text: str) -> Matcher:
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise ValueError(f'{text.strip()!r} is no matcher such as severity="critical"')
    value, name = found["value"], found["name"]
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):  # noqa: PLR2004  # two quotes
            raise ValueError(f"{text.strip()!r} has a quote that does not end")
        value = value[1:-1]
    op: Operator = found["op"]  # type: ignore[assignment]  # the pattern knows just these
    return matcher(_plain(name[1:-1]) if name.startswith('"') else name, op, _plain(value))


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda escape: _ESCAPES[escape[0]], text)


def _parts(text: str) -> Iterator[str]:
    """Cut at each comma that stands in no quotes."""
    part, quoted, escaped = "", False, False
    for char in text:
        if char == "," and not quoted:
            yield part
            part = ""
            continue
        quoted ^= char == '"' and not escaped
        escaped = char == "\\" and not escaped
        part += char
    yield part
