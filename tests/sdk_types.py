"""Grafana's own schema of dashboards, as the SDK that is generated from it has it: the types of its fields."""

from __future__ import annotations

import copy
import enum
import types
import typing
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

plugins.register_default_plugins()
"""Else options, queries and what else a kind of panel adds are taken as they come."""


def schema_deviations(body: dict[str, Any]) -> list[str]:
    """Where a dashboard's JSON is not what Grafana's schema says."""
    return list(deviations(Dashboard.from_json(copy.deepcopy(body)), Dashboard, ""))


def deviations(found: object, wanted: Any, place: str) -> Iterator[str]:
    """Where a value that the SDK has read is not what the schema says: its type, or not one of an enumeration."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is Any or wanted is object:
        # What a kind of panel adds: read by that kind's own type.
        yield from _in_object(found, place)
    elif origin in {typing.Union, types.UnionType}:
        each = [list(deviations(found, choice, place)) for choice in arguments]
        if all(each):
            # Of the kinds that it might be, the one that it was taken for: whose faults lie deepest.
            yield from max(each, key=lambda faults: faults[0].partition(":")[0].count("."))
    elif origin is list:
        yield from _in_list(found, arguments[0], place)
    elif origin is dict:
        yield from _in_dict(found, arguments[1], place)
    elif origin is typing.Literal:
        if found not in arguments:
            yield f"{place}: {found!r} is none of {arguments}"
    elif isinstance(wanted, type):
        yield from _of_type(found, wanted, place)


def _in_list(found: object, wanted: Any, place: str) -> Iterator[str]:
    if not isinstance(found, list):
        yield f"{place}: {found!r} is no list"
        return
    for number, each in enumerate(found):
        yield from deviations(each, wanted, f"{place}[{number}]")


def _in_dict(found: object, wanted: Any, place: str) -> Iterator[str]:
    if not isinstance(found, dict):
        yield f"{place}: {found!r} is no object"
        return
    for key, each in found.items():
        yield from deviations(each, wanted, f"{place}.{key}")


def _of_type(found: object, wanted: type, place: str) -> Iterator[str]:
    if issubclass(wanted, enum.Enum):
        if found not in {each.value for each in wanted} and not isinstance(found, wanted):
            yield f"{place}: {found!r} is none of {sorted(str(each.value) for each in wanted)}"
    elif wanted.__module__.startswith("grafana_foundation_sdk"):
        # Some lists of objects are left by the SDK as they were read.
        read = wanted.from_json(found) if isinstance(found, dict) and hasattr(wanted, "from_json") else found
        yield from _in_object(read, place) if isinstance(read, wanted) else [f"{place}: {found!r} is no object"]
    elif wanted is float:
        if not isinstance(found, int | float) or isinstance(found, bool):
            yield f"{place}: {found!r} is no number"
    elif wanted is int:
        if not isinstance(found, int) or isinstance(found, bool):
            yield f"{place}: {found!r} is no whole number"
    elif not isinstance(found, wanted):
        yield f"{place}: {found!r} is no {wanted.__name__}"


def _in_object(found: object, place: str) -> Iterator[str]:
    fields = typing.get_type_hints(type(found)) if hasattr(found, "to_json") else {}
    for name, wanted in fields.items():
        yield from deviations(getattr(found, name), wanted, f"{place}.{name}")
