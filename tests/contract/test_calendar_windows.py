"""A calendar window stands where its sealed days and today's samples put it, over a day of 25 hours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from monitor import clock
from monitor.catalogue.model import Calendar, Catalogue, Slo, Window
from monitor.cli import main
from monitor.cli import slo as cli
from monitor.compliance import policy_standing
from monitor.compliance.period import Period
from monitor.compliance.policy_past import spent_before
from monitor.compliance.report import make_report
from monitor.compliance.sealing import seal_missing
from monitor.compliance.standing import Standing, calendar_standing
from monitor.compliance.status import slo_statuses
from monitor.settings import Settings
from monitor.slo.policy import State
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from monitor.store_history import SloHistory
from monitor.work.job import Bench
from monitor.work.jobs import CALENDAR_WINDOWS
from tests.contract.history import serve
from tests.contract.slo_past import HOUR, MIDNIGHT, MINUTE, catalogue, past, promised

SECONDS = 73 * 3600
"""Three days, one of them of 25 hours."""
NOW = MIDNIGHT + 60 * HOUR + 7 * MINUTE


def three_days(start: str = "2026-10-24 00:00:00") -> Slo:
    begin = clock.from_rfc3339(f"{start}Z").replace(tzinfo=None)
    calendar = Calendar(unit="d", count=3, start=begin, time_zone="Europe/Berlin")
    return replace(promised("sla"), window=Window(duration=timedelta(days=3), calendar=calendar))


@dataclass
class Served:
    prometheus: Prometheus
    sealed: Store
    unsealed: Store
    whole: Catalogue

    def standing(self, store: Store, slo: Slo | None = None) -> Standing:
        found = calendar_standing(self.prometheus, SloHistory(store), self.whole, slo or three_days(), NOW)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("calendar")
    history = past({"2xx": lambda s: 3.0 * (s + 3600), "5xx": lambda s: 0.003 * (s + 3600)}, hours=61)
    exported = {"slo": "sla", "slo_service": "clinic", "window": "3d-calendar", "job": "work", "instance": "work"}
    for family, value in (("sli", 0.9), ("error_budget_remaining", -9.0), ("coverage", 0.5)):
        history.add(f"slo_calendar_{family}_ratio", exported, [(NOW - MINUTE, value)])
    recorded = {"slo": "sla", "slo_service": "clinic", "window": "3d-calendar"}
    budget = [(MIDNIGHT - 30 * MINUTE, -1.0), (MIDNIGHT + 30 * MINUTE, 0.9)]
    history.add("slo:error_budget_remaining:ratio", recorded, budget)
    whole = catalogue(three_days())
    with (
        serve(history, place) as prometheus,
        Store.migrate(place / "state" / "monitor.db") as sealed,
        Store.migrate(place / "unsealed.db") as unsealed,
    ):
        seal_missing(prometheus, sealed, whole, NOW)
        yield Served(prometheus=prometheus, sealed=sealed, unsealed=unsealed, whole=whole)


def test_sealed_days_and_today_stand_where_the_samples_put_the_whole(served: Served) -> None:
    found = served.standing(served.sealed)
    assert (found.span.start, found.span.length) == (MIDNIGHT, timedelta(seconds=SECONDS))
    assert (
        found.until == MIDNIGHT + 60 * HOUR + 7 * MINUTE
    )  # whole minutes, so that an SLO stands somewhere soon after a start
    assert found.coverage == 1
    assert found.sli == pytest.approx(1 - 0.003 / 3.003)
    spent = 0.003 / 3.003 / 0.01 * (60 * 3600 + 420) / SECONDS
    assert found.error_budget_remaining == pytest.approx(1 - spent)
    live = served.standing(served.unsealed)
    assert live.tally.total == pytest.approx(found.tally.total)
    assert live.tally.bad == pytest.approx(found.tally.bad)
    assert live.coverage == found.coverage


def test_it_is_what_the_report_of_that_time_says(served: Served) -> None:
    found = served.standing(served.sealed)
    period = Period(text="x", start=found.span.start, end=found.span.end, until=found.until, calendar=True)
    (result,) = make_report(served.prometheus, served.sealed, served.whole, period).slos
    assert result.achieved == pytest.approx(found.sli, abs=1e-6)
    assert result.budget_left == pytest.approx(found.error_budget_remaining, abs=1e-6)


def test_a_window_that_begins_inside_a_day_reads_the_piece_live(served: Served) -> None:
    found = served.standing(served.sealed, three_days("2026-10-24 06:00:00"))
    assert found.span.start == MIDNIGHT + 6 * HOUR
    assert found.coverage == 1
    assert found.tally.total == pytest.approx(3.003 * (54 * 3600 + 420), rel=1e-4)


def test_before_the_first_window_nothing_stands(served: Served) -> None:
    late = three_days("2027-01-01 00:00:00")
    assert calendar_standing(served.prometheus, SloHistory(served.sealed), served.whole, late, NOW) is None
    (status,) = slo_statuses(served.prometheus, catalogue(late), NOW, served.sealed)
    assert (status.sli, status.span) == (None, None)


def test_status_tells_the_window_and_its_bounds(served: Served) -> None:
    (status,) = slo_statuses(served.prometheus, served.whole, NOW, served.sealed)
    told = status.to_json()
    assert told["window"] == "3d-calendar"
    assert told["window_start"] == "2026-10-23T22:00:00Z"
    assert told["window_end"] == "2026-10-26T23:00:00Z"
    assert told["sli"] == pytest.approx(1 - 0.003 / 3.003)
    assert told["verdict"] == "met"


def test_the_gate_stands_where_the_window_does_and_forgets_the_one_before(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    (status,) = slo_statuses(served.prometheus, served.whole, NOW, served.sealed)
    found = policy_standing.standing(served.prometheus, served.whole, three_days(), served.sealed)
    assert (found.error_budget_remaining, found.coverage) == (status.error_budget_remaining, status.coverage)
    assert found.state is State.OPEN
    assert list(spent_before(served.prometheus, three_days(), status, served.sealed)) == pytest.approx([0.1])
    exported = policy_standing.standing(served.prometheus, served.whole, three_days(), None)
    assert exported.state is State.UNKNOWN


def test_without_a_store_what_work_exports_is_shown(served: Served) -> None:
    (status,) = slo_statuses(served.prometheus, served.whole, NOW)
    assert (status.sli, status.error_budget_remaining, status.coverage) == (0.9, -9.0, 0.5)
    assert status.span is not None


def test_work_remembers_it_for_its_metrics_and_the_command_shows_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr("monitor.work.jobs.now", lambda: NOW)
    monkeypatch.setattr(cli, "load", lambda *_: served.whole)
    settings = Settings(run_dir=served.sealed.path.parent.parent, prometheus_url=served.prometheus.url)
    assert settings.state == served.sealed.path
    bench = Bench(settings=settings, catalogue=served.whole, store=served.sealed)
    assert CALENDAR_WINDOWS.run(bench).outcome == "passed"
    (record,) = served.sealed.records("calendar")
    assert record.body["sli"] == pytest.approx(1 - 0.003 / 3.003)
    monkeypatch.setenv("MONITOR_PROMETHEUS_URL", served.prometheus.url)
    called = ["--run-dir", str(settings.run_dir), "slo"]
    monkeypatch.setattr("monitor.cli.gate.load", lambda *_: served.whole)
    gate = CliRunner().invoke(main, ["--run-dir", str(settings.run_dir), "gate", "sla", "--json"])
    said = json.loads(gate.stdout)
    assert (gate.exit_code, said["state"], said["coverage"]) == (0, "open", 1)
    assert said["error_budget_remaining"] == record.body["error_budget_remaining"]
    listed = CliRunner().invoke(main, [*called, "list", "--json"])
    assert json.loads(listed.stdout)[0]["sli"] == record.body["sli"]
    shown = CliRunner().invoke(main, [*called, "show", "sla"])
    assert "24 Oct 2026, 00:00 to 27 Oct 2026, 00:00 (Europe/Berlin)" in shown.output
