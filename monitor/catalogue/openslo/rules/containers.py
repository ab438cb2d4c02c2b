"""Rules of lists and mappings, and between the fields of a mapping. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.catalogue.openslo.rules.violation import Rule, Violation, below, called, given, short


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a mapping. Nothing and ``null`` are the same; ``""`` and ``{}`` say no more where one is required."""

    rule: Rule
    required: bool = False
    omit_empty: bool = False
    """Whether ``""`` is as good as nothing."""
    assumed: Any = None
    """What stands for nothing: of an empty mapping all is missing that it must hold."""


def each(item: Rule, *, least: int = 0, most: int | None = None) -> Rule:
    """A list, what holds for each of its items, and how many there may be."""
    exactly = least if least == most else None

    def check(value: Any, path: str) -> Iterator[Violation]:
        if not isinstance(value, list):
            yield Violation(path, "type", f"must be a list, not {called(value)}")
            return
        if exactly is not None and len(value) != exactly:
            yield Violation(path, "slice_length", f"must hold exactly {exactly}, not {len(value)}")
        elif len(value) < least:
            yield Violation(path, "slice_min_length", f"must hold at least {least}, not {len(value)}")
        for index, one in enumerate(value):
            yield from item(one, f"{path}[{index}]")

    return check


def entries(key: Rule, item: Rule, *, least: int = 0) -> Rule:
    """A mapping whose keys anybody may choose."""

    def check(value: Any, path: str) -> Iterator[Violation]:
        if not isinstance(value, dict):
            yield Violation(path, "type", f"must be a mapping, not {called(value)}")
            return
        if len(value) < least:
            yield Violation(path, "map_min_length", f"must hold at least {least}, not {len(value)}")
        for name, one in value.items():
            place = f"{path}.{short(name)}"
            yield from key(name, place)
            yield from item(one, place)

    return check


def mapping(fields: Mapping[str, Field], *rules: Rule) -> Rule:
    """A mapping with these fields and no others; ``rules`` hold between them."""

    def check(value: Any, path: str) -> Iterator[Violation]:
        if not isinstance(value, dict):
            yield Violation(path, "type", f"must be a mapping, not {called(value)}")
            return
        for name in value:
            if name not in fields:
                message = "is no field of OpenSLO v1: remove it or correct its name"
                yield Violation(below(path, short(name)), "unknown_field", message)
        for rule in rules:
            yield from rule(value, path)
        for name, field in fields.items():
            one = field.assumed if value.get(name) is None else value[name]
            if field.required and (one is None or one in ("", {})):
                yield Violation(below(path, name), "required", "is missing")
            elif one is not None and not (field.omit_empty and one == ""):
                yield from field.rule(one, below(path, name))

    return check


def exactly_one(*names: str) -> Rule:
    """One of these fields, and only one."""

    def check(value: Any, path: str) -> Iterator[Violation]:
        found = given(value, *names)
        if len(found) != 1:
            yield Violation(path, "mutually_exclusive", f"needs exactly one of {' and '.join(names)}, {_has(found)}")

    return check


def at_most_one(*names: str) -> Rule:
    """One of these fields, or none."""

    def check(value: Any, path: str) -> Iterator[Violation]:
        if len(found := given(value, *names)) > 1:
            yield Violation(path, "mutually_exclusive", f"may have one of {', '.join(names)}, {_has(found)}")

    return check


def _has(found: list[str]) -> str:
    return f"and has {' and '.join(found)}" if found else "and has none"
