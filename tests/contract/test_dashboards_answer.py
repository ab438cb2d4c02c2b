"""Every query of every dashboard, asked of the running stack's Prometheus as Grafana would ask it."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.sources.prometheus import Prometheus
from tests.dashboard_data import asked, has_data, without_data
from tests.dashboard_files import FILES, load, queries, replaced

WITHIN_S = 180
"""From `up` to every panel showing data."""

BY_ITSELF = ("", "first_backup", "first_verification")
"""What needs no event, and the events that `monitor work` causes right after `up`."""

BY_A_DRILL = ("first_drill",)
"""What tests/drills/test_drill_primary_killed.py asks for when its drill has passed."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_a_panel_is_empty_only_until_an_event_that_a_test_causes() -> None:
    named = {query.empty_until for file in FILES for query in queries(load(file))}
    assert named <= {*BY_ITSELF, *BY_A_DRILL}


def test_every_query_has_data_within_three_minutes_of_up(stack: Any) -> None:
    assert without_data(stack, asked(empty_until=BY_ITSELF), within_s=WITHIN_S) == []


def test_queries_that_wait_for_a_drill_are_understood_before_it(stack: Any) -> None:
    with Prometheus(stack.layout.url("prometheus")) as prometheus:
        for query in asked(empty_until=BY_A_DRILL):
            has_data(prometheus, query)  # raises where Prometheus does not understand it


def test_every_annotation_and_variable_is_understood(stack: Any) -> None:
    with Prometheus(stack.layout.url("prometheus")) as prometheus:
        for file in FILES:
            board = load(file)
            for annotation in board["annotations"]["list"]:
                prometheus.instant(replaced(annotation["expr"]))
        assert prometheus.instant("slo:objective:ratio"), "the variable `slo` has no values"
