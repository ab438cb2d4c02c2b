"""Plain values into frozen dataclasses, strictly: nothing is converted silently, every fault has its path."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from cattrs import (
    AttributeValidationNote,
    BaseValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)
from cattrs.cols import homogenous_tuple_structure_factory, list_structure_factory
from cattrs.gen import make_dict_structure_fn, mapping_structure_factory, override

from monitor.catalogue import durations
from monitor.catalogue.model.places import Place
from monitor.catalogue.strict_yaml import Document
from monitor.errors import Fault

T = TypeVar("T")

UNKNOWN_FIELD = "unknown-field"
_WHOLE: Any = object()

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
    converter.register_structure_hook_func(lambda kind: getattr(kind, "__origin__", None) is Literal, _one_of)
    # cattrs takes anything it can iterate over: the letters of a text would be a list.
    for origin, build in _COLLECTIONS.items():
        converter.register_structure_hook_factory(_made_from(origin), _given(origin, build, converter))

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


def entries(
    document: Document, kind: type, example: str, judge: Callable[[str, dict[str, Any]], Iterable[Fault]]
) -> tuple[list[tuple[Place, dict[str, Any]]], list[Fault]]:
    """Read a document that is a list, entry by entry, as ``parts`` reads one.

    ``judge`` says what is wrong with the fields that could be read of the one at a path. Returns the place and the
    fields of each entry with which nothing is wrong, and every fault.
    """
    if not isinstance(document.data, list):
        return [], [document.fault("wrong-type", f"must be a list of entries such as {example}")]
    found: list[tuple[Place, dict[str, Any]]] = []
    faults: list[Fault] = []
    for index, data in enumerate(document.data):
        here = f"[{index}]"
        entry, wrong = parts(document, kind, keep, path=here, data=data)
        wrong += judge(here, entry)
        faults += wrong
        if not wrong:
            found.append((Place(file=document.file, line=document.line(here)), entry))
    return found, faults


def parts(
    document: Document, kind: type, rename: Callable[[str], str], *, path: str = "", data: Any = _WHOLE
) -> tuple[dict[str, Any], list[Fault]]:
    """Build each field of a value by itself, so that a fault in one does not hide what is wrong with the others.

    Returns the fields that can be read (defaults included) by attribute name, and every fault. The value is whole, and
    ``kind(**fields)`` builds it, when no field is missing. ``data`` is what stands at ``path``, if not the document.
    """
    data = document.data if data is _WHOLE else data
    if not isinstance(data, dict):
        return {}, [document.fault("wrong-type", f"must be a mapping, not {_called(data)}", path)]
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    kinds = get_type_hints(kind)
    names = {rename(field.name): field for field in dataclasses.fields(kind)}
    for name, field in names.items():
        place = f"{path}.{name}" if path else name
        if name in data:
            value, wrong = _part(data[name], kinds[field.name], place, rename)
            faults += [document.fault(code, message, where) for where, code, message in wrong]
            if all(code == UNKNOWN_FIELD for _, code, _ in wrong):
                found[field.name] = value
        elif field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
        else:
            faults.append(document.fault("missing-field", "is missing", place))
    unknown = ForbiddenExtraKeysError("", kind, {str(name) for name in data if name not in names})
    if unknown.extra_fields:
        faults += [document.fault(code, message, where) for where, code, message in _flatten(unknown, path, rename)]
    return found, faults


def _part(value: Any, kind: Any, path: str, rename: Callable[[str], str]) -> tuple[Any, list[tuple[str, str, str]]]:
    try:
        return _converter(rename, strict=True).structure(value, kind), []
    except (BaseValidationError, TypeError, ValueError) as error:
        wrong = list(_flatten(error, path, rename))
    if any(code != UNKNOWN_FIELD for _, code, _ in wrong):
        return None, wrong
    return _converter(rename, strict=False).structure(value, kind), wrong


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


_COLLECTIONS: dict[type, Callable[[Any, Converter], Callable[[Any, Any], Any]]] = {
    list: list_structure_factory,
    tuple: homogenous_tuple_structure_factory,
    dict: mapping_structure_factory,
}


def _made_from(origin: type) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _given(
    origin: type,
    build: Callable[[Any, Converter], Callable[[Any, Any], Any]],
    converter: Converter,
) -> Callable[[Any], Callable[[Any, Any], Any]]:
    """Make the hooks of one kind of collection, which take only a YAML list, or only a YAML mapping."""
    expected, called = (dict, _KINDS[dict]) if origin is dict else ((list, tuple), _KINDS[list])

    def factory(kind: Any) -> Callable[[Any, Any], Any]:
        built = build(kind, converter)

        def structure(value: Any, kind: Any) -> Any:
            if not isinstance(value, expected):
                raise TypeError(f"must be {called}, not {_called(value)}")
            return built(value, kind)

        return structure

    return factory


def _one_of(value: Any, kind: Any) -> Any:
    if value not in get_args(kind):
        raise ValueError(f"must be one of {', '.join(map(str, get_args(kind)))}, not {_called(value)}")
    return value


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
