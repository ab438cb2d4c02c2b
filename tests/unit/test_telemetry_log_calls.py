"""Every log call in our code names a declared event and declared fields, literally: checked without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.events import EVENTS

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error"}


def calls(source: str) -> Iterator[ast.Call]:
    """Yield the calls of ``log.<level>`` and ``get_logger().<level>``."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
            continue
        target = ast.unparse(node.func.value)
        if target.split(".")[-1] in {"log", "_log", "LOG", "_LOG", "logger", "_logger"} or "get_logger()" in target:
            yield node


def faults(source: str) -> list[str]:
    found = []
    for call in calls(source):
        where = f"line {call.lineno}"
        first = call.args[0] if len(call.args) == 1 else None
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            found.append(f"{where}: the event is not one literal")
        elif first.value not in EVENTS:
            found.append(f"{where}: {first.value!r} is not declared in telemetry/events.py")
        else:
            declared = EVENTS[first.value].fields
            found += [
                f"{where}: {first.value} has no field {keyword.arg!r}"
                for keyword in call.keywords
                if keyword.arg is not None and keyword.arg not in declared
            ]
    return found


SOURCES = sorted(
    path for package in ("app", "exporters", "monitor", "telemetry") for path in (ROOT / package).rglob("*.py")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_log_calls_use_what_is_declared(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if path == ROOT / "telemetry" / "logs.py":
        source = source[: source.index("class _Libraries")]  # there the level is chosen first, then said
    assert faults(source) == []


@pytest.mark.parametrize(
    "line",
    [
        'log.info(f"registered {name}")',
        'log.info("patient registered")',
        'log.info("app.ready", name=name)',
        "get_logger().error(message)",
        'log.warning("app.ready", 3)',
    ],
)
def test_a_careless_call_is_found(line: str) -> None:
    assert faults(line) != []
