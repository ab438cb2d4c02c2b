"""The slow log of Redis becomes counters, whenever it is emptied or overrun."""

from __future__ import annotations

import pytest

from exporters.readings import OTHER, Readings
from exporters.redis import families as f
from exporters.redis.slowlog import SlowLog
from tests.readings import Found, shown


def entry(number: int, *words: str, microseconds: int = 20_000) -> list[object]:
    return [number, 1_795_371_095, microseconds, list(words), "127.0.0.1:5000", "name"]


def slow(log: SlowLog) -> Found:
    readings = Readings(f.METRICS)
    log.write(readings)
    return shown(readings)


KNOWN = {"get", "config|get", "eval"}


def test_what_stood_in_the_slow_log_before_is_known_but_not_counted() -> None:
    log = SlowLog()
    assert log.missing([entry(41, "GET", "k")]) == 0
    log.count([entry(41, "GET", "k")], KNOWN)
    assert slow(log) == {
        ("redis_slowlog_entries_total",): 42,
        ("redis_slowlog_last_id",): 41,
        ("redis_last_slow_execution_duration_seconds",): 0.02,
    }


def test_a_slow_command_is_born_at_zero_and_counted_on_the_next_page() -> None:
    log = SlowLog()
    log.count([], KNOWN)
    assert slow(log) == {("redis_slowlog_entries_total",): 0}
    log.count([entry(0, "GeT", "k")], KNOWN)
    assert slow(log)["redis_slow_commands_total", "get"] == 0
    assert slow(log)["redis_slow_commands_total", "get"] == 1
    assert slow(log)["redis_slow_commands_seconds_total", "get"] == pytest.approx(0.02)


def test_several_new_entries_are_read_and_those_that_are_gone_are_counted_without_a_name() -> None:
    log = SlowLog()
    log.count([entry(0, "GET", "k")], KNOWN)
    newest = [entry(200, "CONFIG", "GET", "save")]
    assert log.missing(newest) == 128
    log.count([entry(200, "CONFIG", "GET", "save"), entry(199, "EVAL", "x"), entry(198, "patient-7")], KNOWN)
    slow(log)
    counted = {key[1]: value for key, value in slow(log).items() if key[0] == "redis_slow_commands_total"}
    assert counted == {"config|get": 1, "eval": 1, OTHER: 1 + 197}
    assert sum(counted.values()) == 200, "as many as the ids say"


def test_the_first_entry_of_a_log_that_was_emptied_is_one() -> None:
    log = SlowLog()
    log.count([], KNOWN)
    log.count([entry(57, "GET", "k")], KNOWN)
    slow(log)
    counted = {key[1]: value for key, value in slow(log).items() if key[0] == "redis_slow_commands_total"}
    assert counted == {"get": 1}
    assert slow(log)["redis_slowlog_entries_total",] == 1, "not 58: those before were not slow just now"
    log.count([], KNOWN)
    assert slow(log)["redis_slowlog_entries_total",] == 1, "SLOWLOG RESET takes nothing back"
    log.count([entry(60, "GET", "k"), entry(59, "GET", "k"), entry(58, "GET", "k")], KNOWN)
    assert slow(log)["redis_slowlog_entries_total",] == 4


def test_all_that_is_found_at_once_in_a_log_that_was_emptied_counts() -> None:
    log = SlowLog()
    log.count([], KNOWN)
    assert log.missing([entry(59, "GET", "k")]) == 60
    log.count([entry(number, "GET", "k") for number in (59, 58, 57)], KNOWN)
    assert slow(log)["redis_slowlog_entries_total",] == 3


def test_a_server_that_was_never_slow_tells_its_own_total() -> None:
    log = SlowLog()
    log.count([], KNOWN)
    log.count([entry(1, "GET", "k"), entry(0, "GET", "k")], KNOWN)
    assert slow(log)["redis_slowlog_entries_total",] == 2
