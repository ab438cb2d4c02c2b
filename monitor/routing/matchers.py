"""Alertmanager's matchers: ``severity="critical"``, ``alertname=~"Mongo.*"``, or several in one text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from monitor.routing import matcher_texts, re2

Operator = Literal["=", "!=", "=~", "!~"]


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
        return f"{matcher_texts.name(self.name)}{self.op}{matcher_texts.quoted(self.value)}"


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
    try:
        found = matcher_texts.older(text)
    except ValueError:
        newer = matcher_texts.newer(text)
        if newer is None:
            raise
        found = newer
    return tuple(matcher(name, op, value) for name, op, value in found)  # type: ignore[arg-type]  # one of the operators
