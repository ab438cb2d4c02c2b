"""What each field of a dashboard must be, as far as the lint looks at it: whatever is read further fits this. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Shape = type | dict[str, "Shape"] | list["Shape"] | tuple["Shape", ...]
"""A kind of value, an object with fields, a list of one shape, or any of several."""

_SOURCE: Shape = (str, {"uid": str})
_LINK: Shape = {"type": str, "url": str}
_PANEL: dict[str, Shape] = {
    "id": int,
    "type": str,
    "title": str,
    "description": str,
    "maxDataPoints": int,
    "datasource": _SOURCE,
    "gridPos": {"x": int, "y": int, "w": int, "h": int},
    "links": [_LINK],
    "targets": [{"datasource": _SOURCE, "expr": str, "refId": str, "legendFormat": str, "format": str}],
    "fieldConfig": {
        "defaults": {"unit": str, "thresholds": {"steps": [{}]}, "links": [{"url": str}]},
        "overrides": [{"properties": [{"id": str}]}],
    },
    "options": {"reduceOptions": {"calcs": [str]}},
}
BOARD: Shape = {
    "uid": str,
    "time": {"from": str},
    "links": [_LINK],
    "panels": [_PANEL | {"panels": [_PANEL]}],
    "templating": {"list": [{"name": str, "type": str, "label": str, "datasource": _SOURCE}]},
    "annotations": {"list": [{"name": str, "expr": str, "datasource": _SOURCE}]},
}
"""A whole dashboard."""

_CALLED = {str: "a text", int: "a whole number", dict: "an object", list: "a list"}


def misfits(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """Where a value is of another kind, and of which it must be; what is missing, or null, is left to the lint."""
    match shape:
        case dict() | list() if not isinstance(value, type(shape)):
            yield f"{path} must be {_CALLED[type(shape)]}"
        case dict():
            for name, inner in shape.items():
                if value.get(name) is not None:
                    yield from misfits(value[name], inner, f"{path}.{name}" if path else name)
        case list():
            for number, item in enumerate(value):
                yield from misfits(item, shape[0], f"{path}[{number}]")
        case tuple():
            found = [list(misfits(value, one, path)) for one in shape]
            yield from found[-1] if all(found) else ()
        case type():
            yield from () if isinstance(value, shape) else (f"{path} must be {_CALLED[shape]}",)
