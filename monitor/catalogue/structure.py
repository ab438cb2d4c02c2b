"""Plain values into frozen dataclasses, strictly: nothing is converted silently, every fault has its path."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from cattrs import (
    AttributeValidationNote,
    BaseValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from monitor.catalogue import durations
from monitor.catalogue.strict_yaml import Document
from monitor.errors import Fault

T = TypeVar("T")

UNKNOWN_FIELD = "unknown-field"

_KINDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a mapping",
    list: "a list",
}


def camel(name: str) -> str:
    """``display_name`` as OpenSLO spells it: ``displayName``."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def keep(name: str) -> str:
    """The attribute's own name; a trailing underscore (``for_``) only dodges a Python keyword."""
    return name.removesuffix("_")


@cache
def _converter(rename: Callable[[str], str], *, strict: bool) -> Converter:
    """A converter that accepts exactly the declared types and, if strict, exactly the declared fields."""
    converter = Converter(detailed_validation=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(_number(value, float))))
    converter.register_structure_hook(timedelta, _duration)
    converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: value)

    def structure(cls: type) -> Callable[[Any, Any], Any]:
        names = {field.name: override(rename=rename(field.name)) for field in dataclasses.fields(cls)}
        build: Callable[[Any, Any], Any] = make_dict_structure_fn(
            cls,
            converter,
            _cattrs_forbid_extra_keys=strict,
            **names,  # type: ignore[arg-type]  # the stub knows only its own keywords
        )

        def mapping_only(value: Any, kind: Any) -> Any:
            if not isinstance(value, dict):
                raise TypeError(f"must be a mapping, not {_called(value)}")
            return build(value, kind)

        return mapping_only

    converter.register_structure_hook_factory(dataclasses.is_dataclass, structure)
    return converter


def structure(document: Document, kind: type[T], rename: Callable[[str], str]) -> tuple[T | None, list[Fault]]:
    """Build one value, and list everything that is wrong with how it is written.

    Where the only faults are unknown fields the value is there all the same, so that whoever reads it can tell what is
    wrong with its known fields in the same run.
    """
    if not isinstance(document.data, dict):
        return None, [document.fault("wrong-type", f"must be a mapping, not {_called(document.data)}")]
    try:
        return _converter(rename, strict=True).structure(document.data, kind), []
    except BaseValidationError as error:
        faults = [document.fault(code, message, path) for path, code, message in _flatten(error, "", rename)]
    if any(fault.code != UNKNOWN_FIELD for fault in faults):
        return None, faults
    return _converter(rename, strict=False).structure(document.data, kind), faults


def _flatten(error: BaseException, path: str, rename: Callable[[str], str]) -> Iterator[tuple[str, str, str]]:
    if isinstance(error, BaseValidationError):
        for child in error.exceptions:
            yield from _flatten(child, path + _step(child, path, rename), rename)
    elif isinstance(error, ForbiddenExtraKeysError):
        for name in sorted(error.extra_fields):
            place = f"{path}.{name}" if path else name
            yield place, UNKNOWN_FIELD, "is not a known field: remove it or correct its name"
    elif isinstance(error, KeyError):
        yield path, "missing-field", "is missing"
    else:
        yield path, "wrong-type" if isinstance(error, TypeError) else "wrong-value", str(error)


def _step(error: BaseException, path: str, rename: Callable[[str], str]) -> str:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return f".{rename(note.name)}" if path else rename(note.name)
        if isinstance(note, IterableValidationNote):
            return f"[{note.index}]" if isinstance(note.index, int) else f".{note.index}"
    return ""


def _exactly(kind: type) -> Callable[[Any, Any], Any]:
    def check(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"must be {_KINDS[kind]}, not {_called(value)}")
        return value

    return check


def _number(value: Any, _: Any) -> float | int:
    if type(value) not in {int, float}:
        raise TypeError(f"must be a number, not {_called(value)}")
    return value  # type: ignore[no-any-return]  # just checked


def _duration(value: Any, _: Any) -> timedelta:
    if type(value) is not str:
        raise TypeError(f"must be a duration such as 30s or 5m, not {_called(value)}")
    return durations.parse(value)


def _called(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, (dict, list)):
        return _KINDS[type(value)]
    return repr(value) if len(repr(value)) <= 40 else re.sub(r"\s+", " ", repr(value))[:37] + "..."  # noqa: PLR2004  # fits a line
