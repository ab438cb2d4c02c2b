"""The pure parts of benchmarks/slo: the truth is what was written, and rules are recorded in an order that works."""

from __future__ import annotations

import io
import re
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.slo import shapes
from benchmarks.slo.adversity import (
    AWAY,
    DAYS,
    IDLE,
    NEW_SERIES,
    RELABELLED,
    RESTARTS,
    TARGETS,
    Story,
    Truth,
    stories,
)
from benchmarks.slo.adversity import write as write_story
from benchmarks.slo.data import DAY, Plan, write
from benchmarks.slo.detection import incidents
from monitor.catalogue.load import load

START = 1_793_491_200  # a midnight


def samples(file: Path) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in file.read_text().splitlines():
        if match := re.fullmatch(r"shop_total\{(.*)\} (\d+) (\d+)", line):
            found[match[1]].append((int(match[3]), int(match[2])))
    return found


def test_the_truth_is_what_the_counters_gained(tmp_path: Path) -> None:
    truth = write(Plan(start=START, days=2, step=300, adversarial=False), tmp_path / "samples.om")
    found = samples(tmp_path / "samples.om")
    assert len(found) == 100
    assert {len(points) for points in found.values()} == {2 * DAY // 300 + 1}
    assert sum(points[-1][1] for points in found.values()) == truth.total == truth.total_all
    assert sum(points[-1][1] for labels, points in found.items() if 'code="500"' in labels) == truth.bad > 0
    assert truth.looked == 2 * DAY


def test_trouble_restarts_counters_renames_targets_and_leaves_gaps(tmp_path: Path) -> None:
    plan = Plan(start=START, days=10, step=300)
    truth = write(plan, tmp_path / "samples.om")
    found = samples(tmp_path / "samples.om")
    falls = [
        labels
        for labels, points in found.items()
        if any(after < before for (_, before), (_, after) in pairwise(points))
    ]
    assert len(found) == 120
    assert falls
    assert all('instance="i2"' in labels for labels in falls)
    assert all(points[0][1] == 0 for points in found.values())
    assert truth.total < truth.total_all
    assert 10 * DAY - truth.looked == 3600 + 300
    assert sum(plan.failing(second) == 1 for second in range(0, 10 * DAY, 300)) == 12


def test_rules_are_recorded_after_what_they_read() -> None:
    environment = load(None, "compose").environment
    for shape in (shapes.ours(environment, shapes.slo(30)), shapes.sloth(30), shapes.pyrra(30)):
        made: set[str] = set()
        recorded = {rule.record for rule in shape.rules if rule.record}
        for ready in shapes.rounds(shape):
            for rule in ready:
                assert shapes.reads(rule, recorded) - {rule.record} <= made
            made |= {rule.record for rule in ready}
        assert made == recorded
    assert "slo:sli_error:ratio_rate5m" in shapes.lasting(shapes.sloth(30))


@pytest.mark.parametrize("days", [7, 30])
def test_what_is_read_over_time_is_kept_whole(days: int) -> None:
    kept = shapes.lasting(shapes.ours(load(None, "compose").environment, shapes.slo(days)))
    assert {"slo:observed_total:delta", "slo:events_bad:delta", "slo:events_total:rollup"} <= kept
    assert "slo:burn_rate:ratio" not in kept


def samples_of(story: Story) -> tuple[dict[str, list[tuple[float, int]]], Truth]:
    files: dict[str, io.StringIO] = defaultdict(io.StringIO)
    truth = Truth()
    write_story(story, files.__getitem__, truth)
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for line in files["shop_total"].getvalue().splitlines():
        head, value, at = line.rsplit(" ", 2)
        found[head].append((float(at) - story.start, int(value)))
    return found, truth


@pytest.mark.parametrize("name", [IDLE, NEW_SERIES, RELABELLED])
def test_adverse_days_are_told_as_they_were_written(name: str) -> None:
    story = next(story for story in stories(START, 1) if story.name == name)
    found, truth = samples_of(story)
    gained: Counter[str] = Counter()
    for head, points in found.items():
        kept = [value for at, value in points if at <= DAYS * DAY]
        kind = "good" if 'code="200"' in head else "bad"
        gained[kind] += sum(after - before for before, after in pairwise(kept))
    slack = 0
    if name == RELABELLED:  # what came between the last sample under the old labels and the first under the new
        slack = 4 * TARGETS * 30 * 2
    assert 0 <= truth.seen["good"] - gained["good"] <= slack
    assert 0 <= truth.seen["bad"] - gained["bad"] <= slack
    assert truth.seen["bad"] > 0
    assert not truth.gap
    assert not truth.lost


def test_what_dies_unread_is_in_no_counter_and_what_nobody_scraped_is_a_gap() -> None:
    by_name = {story.name: samples_of(story)[1] for story in stories(START, 1) if story.name in {RESTARTS, AWAY}}
    assert by_name[RESTARTS].lost["good"] > 0
    assert not by_name[RESTARTS].gap
    assert by_name[AWAY].gap["bad"] > by_name[AWAY].seen["bad"]
    assert by_name[AWAY].good_share < 1 - by_name[AWAY].bad_share


def test_incidents_are_of_every_kind_and_the_same_each_time() -> None:
    drawn = list(incidents(START, 20, brief=False))
    assert drawn == list(incidents(START, 20, brief=False))
    assert len({incident.share for incident in drawn}) > 3
    assert len({(incident.start + incident.begin) % DAY // 3600 for incident in drawn}) > 8
    assert {incident.length for incident in incidents(START, 20, brief=True)} == {120}
