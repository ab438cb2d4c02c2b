"""The report of a month says the same from a real Prometheus's samples, from sealed days, and from both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from monitor.compliance.period import Period, parse
from monitor.compliance.report import make_report
from monitor.compliance.sealing import seal_missing
from monitor.render.report import render
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from tests.contract.history import History, serve
from tests.contract.slo_past import HOUR, MIDNIGHT, SCRAPE, catalogue, past

FIRST = MIDNIGHT + 8 * 24 * HOUR + HOUR
"""When November begins in Berlin."""
NOW = FIRST + 9.6 * 24 * HOUR
OUTAGE = range(30 * 3600, 31 * 3600 + 600)


def answered(second: float) -> float | None:
    if 50 * 3600 < second < 52.5 * 3600:
        return None  # Prometheus was away
    failed = min(max(second - OUTAGE.start, 0), len(OUTAGE))
    return 4.0 * (second + 3600 - failed)


def failing(second: float) -> float | None:
    if 50 * 3600 < second < 52.5 * 3600:
        return None
    return 4.0 * min(max(second - OUTAGE.start, 0), len(OUTAGE))


@dataclass
class Served:
    prometheus: Prometheus
    forgetful: Prometheus
    """Remembers the last four days and a half only."""
    empty: Prometheus
    sealed: Store
    unsealed: Store


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    whole = past({"2xx": answered, "5xx": failing}, hours=9.6 * 24, first=FIRST)
    since = (FIRST + 5.1 * 24 * HOUR).timestamp()
    late = History(
        lines={
            name: [row for row in rows if float(row.rsplit(" ", 1)[1]) >= since] for name, rows in whole.lines.items()
        }
    )
    nothing = History()
    nothing.add("other", {}, [(NOW, 1.0)])
    places = [tmp_path_factory.mktemp(name) for name in ("whole", "late", "nothing")]
    with (
        serve(whole, places[0]) as prometheus,
        serve(late, places[1]) as forgetful,
        serve(nothing, places[2]) as empty,
        Store.migrate(places[0] / "sealed.db") as sealed,
        Store.migrate(places[0] / "unsealed.db") as unsealed,
    ):
        seal_missing(prometheus, sealed, catalogue(), NOW)
        yield Served(prometheus=prometheus, forgetful=forgetful, empty=empty, sealed=sealed, unsealed=unsealed)


def november() -> Period:
    return parse("2026-11", now=NOW, time_zone="Europe/Berlin")


def told(prometheus: Prometheus, store: Store, period: Period | None = None) -> dict[str, Any]:
    written = json.loads(render(make_report(prometheus, store, catalogue(), period or november()), "json"))
    del written["generated_at"], written["sealed_records"]
    return dict(written)


def test_where_prometheus_knows_everything_seals_change_nothing(served: Served) -> None:
    assert told(served.prometheus, served.sealed) == told(served.prometheus, served.unsealed)
    rolling = parse("5d", now=NOW, time_zone="UTC")
    assert told(served.prometheus, served.sealed, rolling) == told(served.prometheus, served.unsealed, rolling)


def test_what_prometheus_forgot_is_told_from_sealed_days(served: Served) -> None:
    truth, mixed = told(served.prometheus, served.unsealed), told(served.forgetful, served.sealed)
    blind = told(served.forgetful, served.unsealed)
    assert blind["coverage"] == pytest.approx(4.5 / 9.6, abs=0.01)
    (want,), (found,) = truth["slos"], mixed["slos"]
    for figure in ("failed_events", "total_events", "achieved", "coverage"):
        assert found[figure] == pytest.approx(want[figure], rel=1e-6)
    assert found["error_budget"]["remaining"] == pytest.approx(want["error_budget"]["remaining"], abs=1e-6)
    # Of events in a gap a sealed day knows only that they came by its end, and takes the time after it for busier by
    # them. So what may have happened in the gap is bounded a little more widely, and never more narrowly.
    assert want["bounds"]["low"] - 0.002 < found["bounds"]["low"] <= want["bounds"]["low"] + 1e-6
    assert found["verdict"] == want["verdict"]
    assert mixed["gaps"] == truth["gaps"]
    assert mixed["gaps"], "Prometheus was away"
    assert [(one["start"], one["end"]) for one in mixed["incidents"]] == [
        (one["start"], one["end"]) for one in truth["incidents"]
    ]
    assert mixed["incidents"][0]["effects"][0]["failed_events"] == pytest.approx(4.0 * len(OUTAGE), abs=8 * SCRAPE)


def test_years_later_the_sealed_days_alone_tell_the_month(served: Served) -> None:
    late = NOW + timedelta(days=5 * 365)
    (found,) = told(served.empty, served.sealed, parse("2026-11", now=late, time_zone="Europe/Berlin"))["slos"]
    assert found["failed_events"] == pytest.approx(4.0 * len(OUTAGE), abs=4 * SCRAPE)
    # Nine of thirty days were sealed; the rest is unknown, and so is the verdict.
    assert found["coverage"] == pytest.approx((9 - 2.5 / 24) / 30, abs=1e-3)
    assert found["verdict"] == "insufficient data"
    (october,) = told(served.empty, served.sealed, parse("2026-10", now=late, time_zone="Europe/Berlin"))["slos"]
    assert october["coverage"] < 0.01
    assert october["bounds"] == {"low": pytest.approx(0, abs=0.01), "high": 1.0}
