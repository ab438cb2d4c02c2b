"""The report and the recording rules say the same of the same time, on a real Prometheus."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import clock
from monitor.catalogue.load import load
from monitor.compliance.period import parse
from monitor.compliance.report import make_report
from monitor.compliance.status import slo_statuses
from monitor.render import outputs
from tests.contract.history import History, serve

RESPONSES = "haproxy_backend_http_responses_total"
HOURS = 5
RATE = 20
MINUTE = timedelta(minutes=1)
OUTAGE = range(100, 102)
"""The minutes in which everything failed."""


def test_what_is_left_of_the_budget_is_the_same_in_rules_and_report(tmp_path: Path) -> None:
    overrides = {"evaluation_interval": "1s", "scrape_interval": "1s", "rollup_interval": "2s"}
    whole = load(None, "local", environment_overrides=overrides)
    catalogue = replace(whole, slos=tuple(slo for slo in whole.slos if slo.name == "availability"))
    short, long = (outputs(catalogue)[f"rules/prometheus/slo-availability{kind}.yml"] for kind in ("", "-long"))
    rules = short + long.partition("groups:\n")[2]
    with serve(past(), tmp_path, rules=rules) as prometheus:
        deadline = time.monotonic() + 90
        while (status := slo_statuses(prometheus, catalogue)[0]).error_budget_remaining is None:
            assert time.monotonic() < deadline, "nothing was recorded"
            time.sleep(0.5)
        period = parse("30d", now=clock.now(), time_zone="UTC")
        (result,) = make_report(prometheus, None, catalogue, period).slos
    spent = len(OUTAGE) / 21.6  # minutes of those that 99.95 % of 30 days allow
    assert status.error_budget_remaining == pytest.approx(1 - spent, abs=0.003)
    assert result.budget_left == pytest.approx(status.error_budget_remaining, abs=0.01)
    assert result.budget_events is not None
    assert result.budget_events.left / result.budget_events.allowed == pytest.approx(result.budget_left)
    assert result.budget_events.spent == len(OUTAGE) * 60 * RATE


def past() -> History:
    """Some hours of traffic: what was scraped, and what the rules recorded of it then."""
    history, end = History(), clock.now()
    start = end - HOURS * 60 * MINUTE
    labels = {"slo": "availability", "slo_service": "appointments"}
    minutes = [(start + number * MINUTE, 60.0 * RATE * (number - 1 in OUTAGE)) for number in range(1, HOURS * 60)]
    history.add("slo:events_total:rollup_5x", labels, [(at, 60.0 * RATE) for at, _ in minutes])
    history.add("slo:events_bad:rollup_5x", labels, minutes)
    history.add("slo:covered_seconds:rollup_5x", labels, [(at, 60.0) for at, _ in minutes])
    scrapes = range(0, HOURS * 3600 - 5, 15)
    down = {second: min(max(second - OUTAGE.start * 60, 0), len(OUTAGE) * 60) for second in scrapes}
    for code, count in (("5xx", lambda second: down[second]), ("2xx", lambda second: second - down[second])):
        points = [(start + timedelta(seconds=second), float(RATE * count(second))) for second in scrapes]
        history.add(RESPONSES, {"proxy": "api", "code": code}, points)
    return history
