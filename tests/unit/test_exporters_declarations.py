"""Each family says where its number is read, what reading it costs, and whose family it stands in for."""

from __future__ import annotations

from collections import defaultdict

from exporters.collectors import COLLECTORS, METRICS
from exporters.slow import SlowCollector

TOOLS = {"redis_exporter", "node_exporter", "cadvisor", "mongodb_exporter", "blackbox_exporter"}


def test_each_family_says_where_its_number_is_read() -> None:
    lacking = defaultdict(list)
    for kind in COLLECTORS:
        for metric in kind.metrics:
            if not metric.source:
                lacking[kind.name].append(metric.name)
    assert dict(lacking) == {}


def test_the_frames_own_families_say_it_too() -> None:
    of_collectors = {metric.name for kind in COLLECTORS for metric in kind.metrics}
    lacking = [one.name for one in METRICS if one.name not in of_collectors and not one.source]
    assert [name for name in lacking if not name.startswith("telemetry_")] == []


def test_what_has_a_slow_clock_says_so_and_only_that() -> None:
    wrong = [
        metric.name
        for kind in COLLECTORS
        for metric in kind.metrics
        if (metric.cost == "slow") != issubclass(kind, SlowCollector)
    ]
    assert wrong == []


def test_compatibility_is_claimed_with_tools_that_exist() -> None:
    assert {tool for metric in METRICS for tool in metric.compatible_with} <= TOOLS


def test_collectors_have_names_of_their_own() -> None:
    names = [kind.name for kind in COLLECTORS]
    assert len(set(names)) == len(names)
    assert {"default", "all"}.isdisjoint(names)
