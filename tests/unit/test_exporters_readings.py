"""Whole families can be handed over at once, within the same bounds."""

from __future__ import annotations

import pytest

from exporters.declare import family
from exporters.readings import Key, Readings, UndeclaredError

CALLS = family("redis_commands_total", "Calls.", "cmd")
KEYS: list[Key] = [("get",), ("set",)]


def test_lists_that_are_handed_over_are_not_copied() -> None:
    readings, values = Readings((CALLS,)), [1.0, 2.0]
    assert readings.take(CALLS, KEYS, values)
    keys, taken = readings.series[CALLS.name]
    assert keys is KEYS
    assert taken is values


def test_what_has_no_room_or_is_not_all_is_left_to_the_caller() -> None:
    assert not Readings((CALLS,), cap=1).take(CALLS, KEYS, [1, 2])
    readings = Readings((CALLS,))
    readings.add(CALLS, 1, "del")
    assert not readings.take(CALLS, KEYS, [1, 2])
    assert readings.series[CALLS.name] == ([("del",)], [1])
    with pytest.raises(UndeclaredError):
        Readings(()).take(CALLS, KEYS, [1, 2])
