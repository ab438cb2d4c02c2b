"""What a value must look like before it may leave the process in a log, a span or a datagram.

A kind is *closed* when nobody outside can choose its value: numbers, fixed words, identifiers that we generated, names
of classes and routes that stand in the code. Only closed kinds are allowed where patients' data is handled (the app).
Open kinds carry names that operators wrote into configuration; they are for processes that never see a patient.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPMethod

from aiohttp import web


class Route(str):
    """A route template such as ``/api/v1/appointments/{id}``; only ``route_of`` makes one, so a path never passes."""

    __slots__ = ()


UNMATCHED = Route("unmatched")
"""The route of every request that no route matched: its path is whatever somebody typed."""

OTHER_METHOD = "_OTHER"
"""What OpenTelemetry calls a method that is not one of the known ones."""

_METHODS = frozenset(HTTPMethod)


@dataclass(frozen=True, slots=True)
class Kind:
    """A set of permitted values; ``accepts`` never raises."""

    name: str
    accepts: Callable[[object], bool]
    closed: bool = True


def route_of(request: web.BaseRequest) -> Route:
    """Name the template that a request matched, or ``UNMATCHED``."""
    info = getattr(request, "match_info", None)
    resource = getattr(getattr(info, "route", None), "resource", None)
    return UNMATCHED if resource is None else Route(resource.canonical)


def method_of(request: web.BaseRequest) -> str:
    """Name a request's method, or ``_OTHER``: a method is free text too."""
    return request.method if request.method in _METHODS else OTHER_METHOD


def one_of(*words: str) -> Kind:
    """Accept exactly these words."""
    allowed = frozenset(words)
    return Kind("one of " + ", ".join(sorted(words)), lambda value: isinstance(value, str) and value in allowed)


def _matching(name: str, pattern: str, *, closed: bool = True) -> Kind:
    compiled = re.compile(pattern)
    return Kind(name, lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None, closed)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_error(value: object) -> bool:
    if isinstance(value, BaseException) or (isinstance(value, type) and issubclass(value, BaseException)):
        return True
    return isinstance(value, str) and _names_an_exception(value)


_exception_names: frozenset[str] = frozenset()


def _names_an_exception(name: str) -> bool:
    """Tell whether some loaded exception class is called that: ``KeyError`` is, ``Mustermann`` is not."""
    global _exception_names  # noqa: PLW0603  # a cache: classes are only ever added
    if name not in _exception_names and name.isidentifier():
        _exception_names = frozenset(_all_exception_names())
    return name in _exception_names


def _all_exception_names() -> set[str]:
    names: set[str] = set()
    seen: set[type] = set()
    waiting: list[type[BaseException]] = [BaseException]
    while waiting:
        cls = waiting.pop()
        if cls in seen:
            continue
        seen.add(cls)
        names.add(cls.__name__)
        waiting.extend(type.__subclasses__(cls))
    return names


NUMBER = Kind("number", _is_number)
COUNT = Kind("count", _is_count)
SECONDS = Kind("seconds", _is_number)
FLAG = Kind("flag", lambda value: isinstance(value, bool))
STATUS = Kind("HTTP status", lambda value: _is_count(value) and 100 <= value < 600)  # type: ignore[operator]  # noqa: PLR2004  # _is_count means int; the range is RFC 9110's
METHOD = Kind("HTTP method", lambda value: value in _METHODS or value == OTHER_METHOD)
ROUTE = Kind("route template", lambda value: isinstance(value, Route))
ERROR = Kind("exception class", _is_error)
OPAQUE_ID = _matching(
    "generated identifier",
    r"[0-9a-f]{8,64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{8}T\d{6}Z-[a-z]+(-[a-z]+)*-[0-9a-f]{4}",
)
"""Hexadecimal, a UUID, or a time-ordered id such as ``20261122T171500Z-full-3f9a``."""
COMPONENT = _matching(
    "component", r"(mongo|redis|app|edge|exporters|prometheus|alertmanager|web|work|traffic)(-\d{1,2})?"
)
VERSION = _matching("version", r"\d+(\.\d+){1,3}([a-z0-9.+-]{0,20})")
ADDRESS = _matching("our own listening address", r"(\[[0-9a-f:.]+\]|[a-z0-9.-]{1,80}):\d{1,5}")
INSTANT = _matching("RFC 3339 instant", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
LOGGER = _matching("logger", r"[A-Za-z_][\w.-]{0,119}")

NAME = _matching("name from configuration", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", closed=False)
"""An alert, job, drill, SLO or collector; not for the app."""
FILE = _matching("file", r"[\w./@+=-]{1,255}", closed=False)
"""A path that an operator chose; not for the app."""
