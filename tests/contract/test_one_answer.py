"""One question, one answer: rules, status, API, dashboard, alerts and report say the same to six digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.slo import shapes
from benchmarks.slo.recording import Lines, Past, record
from benchmarks.slo.server import Server
from monitor import clock
from monitor.catalogue.model import Slo
from monitor.check.dashboard_files import DashboardFile, read
from monitor.compliance.period import Period
from monitor.compliance.report import make_report
from monitor.compliance.status import slo_statuses
from monitor.render import outputs
from monitor.render.report_model import SloResult
from monitor.slo import alerts, burning, names, promql, spending
from monitor.sources.prometheus import Prometheus
from tests.contract.web_server import CATALOGUE, console
from tests.dashboard_files import queries

STEP, HOUR, CELL = 5, 3600, 300
HOURS = 2
BEHIND = 20
"""Seconds: what is added up from roll-ups (each 15 s) of roll-ups ends one of them and one evaluation ago."""
RATE = 20
"""Requests a second, of which all fail in the last half hour and one in a thousand before."""

SIX_DIGITS = 1e-6


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A Prometheus that holds what was scraped and what the rules recorded of it, and the report of that time."""

    prometheus: Prometheus
    slo: Slo
    report: SloResult

    def value(self, query: str) -> float:
        (sample,) = self.prometheus.instant(query)
        return sample.value


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    slo = CATALOGUE().slo("availability")
    assert slo is not None
    # Everybody but the report asks of now; what was recorded last is still there then, by the flag.
    end = int(clock.now().timestamp()) // CELL * CELL
    with Server(tmp_path_factory.mktemp("one-answer"), None, "--query.lookback-delta=1h") as server:
        server.take(scraped(end))
        shape = shapes.ours(CATALOGUE().environment, slo)
        recordings = replace(shape, rules=tuple(rule for rule in shape.rules if rule.record))
        record(server, [Past(shape=recordings, start=end - HOURS * HOUR - CELL, end=end)])
        with Prometheus(server.url, 60) as prometheus:
            until = clock.from_epoch(end - BEHIND)
            period = Period(text="30d", start=until - timedelta(days=30), end=until, until=until)
            only = replace(CATALOGUE(), slos=(slo,))
            yield Asked(prometheus=prometheus, slo=slo, report=make_report(prometheus, None, only, period).slos[0])


def scraped(end: int) -> Lines:
    counted = {"2xx": 0, "5xx": 0}
    points: dict[str, list[tuple[int, int]]] = {code: [] for code in counted}
    begin = end - HOURS * HOUR - BEHIND
    for at in range(begin + STEP, end + 1, STEP):
        for code, value in counted.items():
            points[code].append((at, value))
        failed = RATE * STEP if at >= end - HOUR // 2 else int(at % 50 == 0)
        counted["5xx"] += failed
        counted["2xx"] += RATE * STEP - failed
    for code, seen in points.items():
        for at, value in seen:
            yield "haproxy_backend_http_responses_total", f'proxy="api",code="{code}"', str(value), at


def test_the_report_says_what_the_rules_recorded(asked: Asked) -> None:
    own = asked.slo.window.text
    told = {
        names.SLI: asked.report.achieved,
        names.COVERAGE: asked.report.coverage,
        names.BUDGET_REMAINING: asked.report.budget_left,
        names.BAD_SUM: asked.report.failed_events,
        names.TOTAL_SUM: asked.report.total_events,
    }
    for name, value in told.items():
        assert value == pytest.approx(asked.value(promql.series(name, asked.slo, own)), rel=SIX_DIGITS), name
    assert asked.report.budget_left is not None
    assert asked.report.budget_left < 0  # so that every alert has something to say


async def test_the_api_and_the_command_say_it(asked: Asked, tmp_path: Path) -> None:
    (status,) = slo_statuses(asked.prometheus, replace(CATALOGUE(), slos=(asked.slo,)))
    async with console(tmp_path, prometheus_url=asked.prometheus.url) as (client, _):
        rows = {row["name"]: row for row in await (await client.get("/api/v1/slos")).json()}
    told = rows[asked.slo.name]
    assert told == status.to_json()
    for field, value in (
        ("sli", asked.report.achieved),
        ("coverage", asked.report.coverage),
        ("error_budget_remaining", asked.report.budget_left),
    ):
        assert told[field] == pytest.approx(value, rel=SIX_DIGITS), field
    assert told["verdict"] == asked.report.verdict.value


def test_the_dashboard_says_it(asked: Asked) -> None:
    board = read("dashboards/slo.json", outputs(CATALOGUE())["dashboards/slo.json"])
    assert isinstance(board, DashboardFile), board
    shown: dict[str, list[float]] = {query.title: [] for query in queries(board)}
    for query in queries(board):
        shown[query.title] += [sample.value for sample in asked.prometheus.instant(query.expr)]
    burn = asked.value(promql.series(names.BURN_RATE, asked.slo, "1h"))
    standing = [float(asked.slo.target), asked.report.achieved, asked.report.budget_left, burn, asked.report.coverage]
    assert shown["Where does each SLO stand?"] == pytest.approx(standing, rel=SIX_DIGITS)
    assert shown["How much error budget is left?"] == pytest.approx([asked.report.budget_left], rel=SIX_DIGITS)


def test_the_alerts_say_it(asked: Asked) -> None:
    assert asked.value(burning.exhausted_expression(asked.slo)) == pytest.approx(
        asked.report.budget_left, rel=SIX_DIGITS
    )
    fast = burning.burn_pairs(asked.slo)[0]
    hour = asked.value(promql.series(names.BURN_RATE, asked.slo, "1h"))
    assert asked.value(burning.burn_expression(asked.slo, fast)) == pytest.approx(hour, rel=SIX_DIGITS)
    rule = next(rule for rule in alerts.alerts(asked.slo, CATALOGUE().environment) if rule.name == spending.EXHAUSTED)
    bad, total, *_ = (asked.value(query) for query in re.findall(r"with query `([^`]+)`", rule.annotations["impact"]))
    assert bad == pytest.approx(asked.report.failed_events, rel=SIX_DIGITS)
    assert total == pytest.approx(asked.report.total_events, rel=SIX_DIGITS)


def test_the_last_hour_is_what_its_events_come_to(asked: Asked) -> None:
    """The truth itself: half of the hour failed altogether, and of the other half each tenth step lost one."""
    steps = HOUR // STEP
    bad = RATE * STEP * steps // 2 + steps // 2 // 10
    share = bad / (RATE * STEP * steps)
    found = asked.value(promql.series(names.BURN_RATE, asked.slo, "1h"))
    assert found == pytest.approx(share / float(1 - asked.slo.target), rel=0.005)
