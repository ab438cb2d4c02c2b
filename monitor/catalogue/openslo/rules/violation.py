"""What a broken rule is, and how messages call what breaks it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SHOWN = 60
"""How much of a value or name is shown in a message."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that is broken: at which field (dotted, empty for the whole), by its stable word, and in a sentence."""

    path: str
    code: str
    message: str


Rule = Callable[[Any, str], Iterator[Violation]]
"""What is wrong with a value that stands at a path."""


def given(value: Mapping[str, Any], *names: str) -> list[str]:
    """Which of these fields a mapping has."""
    return [name for name in names if value.get(name) is not None]


def below(path: str, name: str) -> str:
    """The path of a field of what stands at a path."""
    return f"{path}.{name}" if path else name


def called(value: Any) -> str:
    """How a message calls a value that is not what it should be."""
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else short(repr(value))


def short(name: str) -> str:
    """As much of a text as fits a line."""
    return name if len(name) <= _SHOWN else f"{name[: _SHOWN - 3]}..."
