"""Maintenance that two people agreed does not count: counted from raw counters, audited, shown before and after."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from monitor import clock
from monitor.catalogue.model import Calendar, Catalogue, Window
from monitor.cli import main
from monitor.cli import slo as cli
from monitor.cli import slo_corrections as corrections_cli
from monitor.compliance.period import Period
from monitor.compliance.report import make_report
from monitor.compliance.sealing import seal_missing
from monitor.render.report import render
from monitor.settings import Settings
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from monitor.store_history import SloHistory
from tests.contract.history import History, serve
from tests.contract.slo_past import HOUR, MIDNIGHT, MINUTE, SCRAPE, catalogue, past, promised
from tests.contract.web_server import console

NOW = MIDNIGHT + 60 * HOUR
MAINTENANCE = range(23 * 3600, 25 * 3600)
"""Over the midnight between the 24th and the 25th everything fails."""
SIGNED = ("--reason", "new switch", "--by", "Ada", "--approved-by", "Grace")
TIMES = ("--from", "2026-10-24T21:00:00Z", "--to", "2026-10-24T23:00:00Z")
OFF = 2 * len(MAINTENANCE)
"""Two requests a second."""


def failing(second: float) -> float:
    maintained = min(max(second - MAINTENANCE.start, 0), len(MAINTENANCE))
    return 2.0 * maintained + 0.002 * (second + 3600 - maintained)


def history() -> History:
    # Rounded: a counter never falls by what floats lose.
    return past({"2xx": lambda s: round(2.0 * (s + 3600) - failing(s) + 9000, 6), "5xx": failing}, hours=61)


@dataclass
class Clinic:
    prometheus: Prometheus
    run_dir: Path

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["--run-dir", str(self.run_dir), "slo", *arguments])

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    @property
    def store(self) -> Store:
        return Store.open(Settings(run_dir=self.run_dir).state, wait_s=0)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with serve(history(), tmp_path_factory.mktemp("corrections")) as prometheus:
        yield prometheus


def promises() -> Catalogue:
    start = clock.from_rfc3339("2026-10-24T00:00:00Z").replace(tzinfo=None)
    window = Window(
        duration=timedelta(days=3), calendar=Calendar(unit="d", count=3, start=start, time_zone="Europe/Berlin")
    )
    return catalogue(replace(promised(), window=window), promised("other"))


@pytest.fixture
def clinic(served: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    whole = promises()
    for module in (cli, corrections_cli):
        monkeypatch.setattr(module, "load", lambda *_: whole)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setenv("MONITOR_PROMETHEUS_URL", served.url)
    Store.migrate(Settings(run_dir=tmp_path).state).close()
    return Clinic(prometheus=served, run_dir=tmp_path)


def report(clinic: Clinic) -> tuple[dict[str, Any], str]:
    period = Period(text="3d", start=MIDNIGHT, end=MIDNIGHT + 73 * HOUR, until=NOW)
    made = make_report(clinic.prometheus, clinic.store, catalogue(promised()), period)
    return json.loads(render(made, "json"))["slos"][0], render(made, "html").decode()


def test_a_maintenance_window_is_counted_and_taken_off_everywhere(clinic: Clinic) -> None:
    told = clinic.json("correct", "answers", *TIMES, *SIGNED)
    assert told["bad_events"] == pytest.approx(OFF, abs=4 * SCRAPE)
    assert told["total_events"] == pytest.approx(OFF, abs=4 * SCRAPE)
    assert (told["by"], told["approved_by"], told["reason"]) == ("Ada", "Grace", "new switch")
    shown = clinic.json("show", "answers")
    seconds = 60 * 3600
    assert shown["before_corrections"]["sli"] == pytest.approx(1 - (OFF / 2 / seconds) - 0.001, abs=1e-3)
    # What failed after the last scrape inside it was seen by the first one after it.
    assert shown["after_corrections"]["sli"] == pytest.approx(0.999, abs=2.0 * SCRAPE / (2.0 * seconds - OFF) + 1e-6)
    assert shown["sli"] == shown["after_corrections"]["sli"]
    assert shown["before_corrections"]["error_budget_remaining"] < 0 < shown["error_budget_remaining"]
    assert "After corrections: 99." in clinic.run("show", "answers").stdout
    slo, page = report(clinic)
    assert slo["before_corrections"]["verdict"] == "missed"
    assert slo["achieved"] == pytest.approx(shown["sli"], abs=1e-6)
    assert slo["before_corrections"]["failed_events"] - slo["failed_events"] == pytest.approx(told["bad_events"])
    assert slo["corrections"][0]["id"] == told["id"]
    assert "does not count: new switch (Ada, approved by Grace)" in page
    assert "Before corrections: " in page


def test_several_slos_are_corrected_together_or_not_at_all(clinic: Clinic) -> None:
    first = clinic.json("correct", "other", *TIMES, *SIGNED)
    both = clinic.run("correct", "answers", "other", *TIMES, *SIGNED)
    assert (both.exit_code, first["id"] in both.stderr) == (2, True)
    assert [one["id"] for one in clinic.json("corrections")] == [first["id"]]
    clinic.json("withdraw", first["id"], *SIGNED)
    made = clinic.json("correct", "answers", "other", "answers", *TIMES, *SIGNED)
    assert [one["slo"] for one in made] == ["answers", "other"]
    assert made[0]["bad_events"] == made[1]["bad_events"] > 0
    assert clinic.run("correct", *TIMES, *SIGNED).exit_code == 2


async def test_the_api_shows_it_as_the_command_does(clinic: Clinic) -> None:
    told = await asyncio.to_thread(clinic.json, "correct", "answers", *TIMES, *SIGNED)
    shown = await asyncio.to_thread(clinic.json, "show", "answers")
    async with console(clinic.run_dir, prometheus_url=clinic.prometheus.url, catalogue=promises()) as (client, _):
        body = await (await client.get("/api/v1/slos/answers")).json()
        assert (await client.get("/api/v1/slos/nothing")).status == 404
    assert body == shown
    assert [one["id"] for one in body["corrections"]] == [told["id"]]
    assert body["before_corrections"]["sli"] < body["after_corrections"]["sli"]


def test_what_is_taken_off_is_the_same_once_days_are_sealed(clinic: Clinic) -> None:
    clinic.json("correct", "answers", *TIMES, *SIGNED)
    live = clinic.json("show", "answers")
    with clinic.store as store:
        seal_missing(clinic.prometheus, store, catalogue(), NOW)
    assert clinic.json("show", "answers")["sli"] == pytest.approx(live["sli"], abs=1e-9)


def test_only_another_record_withdraws_it_and_both_stay(clinic: Clinic) -> None:
    told = clinic.json("correct", "answers", *TIMES, *SIGNED)
    overlapping = clinic.run("correct", "answers", *TIMES, *SIGNED)
    assert (overlapping.exit_code, told["id"] in overlapping.stderr) == (2, True)
    assert clinic.run("correct", "other", *TIMES, *SIGNED).exit_code == 0
    gone = clinic.json("withdraw", told["id"], *SIGNED)
    assert gone["withdraws"] == told["id"]
    assert clinic.run("withdraw", told["id"], *SIGNED).exit_code == 2
    listed = clinic.json("corrections", "answers")
    assert [(one["id"], one["holds"]) for one in listed] == [(told["id"], False), (gone["id"], False)]
    assert clinic.json("show", "answers")["corrections"] == []
    slo, page = report(clinic)
    assert (slo["corrections"], slo["before_corrections"]) == ([], None)
    assert "does not count" not in page
    assert "withdrawn" in clinic.run("corrections").stdout
    assert clinic.json("correct", "answers", *TIMES, *SIGNED)["id"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--approved-by", " ADA "), "cannot approve"),
        (("--approved-by", "\uff21da.\u200b"), "cannot approve"),
        (("--reason", "x" * 501), "longer than 500"),
        (("--from", "2026-09-23"), "31 days at most"),
        (("--from", "0001-01-01"), "no instant"),
        (("--from", "0001-01-01T00:00:00Z"), "a year from 2000"),
        (("--reason", " "), "--reason is empty"),
        (("--to", "2026-10-24T21:00:00Z"), "not before"),
        (("--from", "2026-10-24T21:01:00Z"), "steps of 5 min"),
        (("--to", "2026-10-26T10:00:00Z"), "once its time is over"),
        (("--from", "yesterday"), "is no instant"),
    ],
)
def test_what_nobody_could_answer_for_is_refused(clinic: Clinic, changed: tuple[str, str], said: str) -> None:
    refused = clinic.run("correct", "answers", *TIMES, *SIGNED, *changed)
    assert (refused.exit_code, said in refused.stderr) == (2, True), refused.stderr
    assert clinic.json("corrections") == []


def test_what_prometheus_has_forgotten_is_unknown_and_never_guessed(clinic: Clinic, tmp_path: Path) -> None:
    with clinic.store as store:
        seal_missing(clinic.prometheus, store, catalogue(), NOW)
    nothing = History()
    nothing.add("other", {}, [(NOW - MINUTE, 1.0)])
    (tmp_path / "empty").mkdir()
    with serve(nothing, tmp_path / "empty") as empty, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MONITOR_PROMETHEUS_URL", empty.url)
        told = clinic.json("correct", "answers", *TIMES, *SIGNED)
    assert (told["bad_events"], told["total_events"]) == (None, None)
    slo, page = report(clinic)
    assert slo["achieved"] == slo["before_corrections"]["achieved"]
    assert slo["corrections"][0]["failed_events"] is None
    assert "nothing was taken off" in page
    assert "was not counted" in clinic.run("show", "answers").stdout


def test_a_period_that_cuts_through_a_correction_takes_nothing_off_for_it(clinic: Clinic) -> None:
    clinic.json("correct", "answers", *TIMES, *SIGNED)
    cut = Period(text="x", start=MIDNIGHT + 23.5 * HOUR, end=NOW, until=NOW)
    (slo,) = make_report(clinic.prometheus, clinic.store, catalogue(), cut).slos
    assert slo.before is not None
    assert slo.achieved == slo.before.achieved
    assert slo.corrections[0].failed_events is None
    # A day that ends where one of its parts begins has the other part whole.
    day = Period(text="x", start=MIDNIGHT + 24 * HOUR, end=NOW, until=NOW)
    (slo,) = make_report(clinic.prometheus, clinic.store, catalogue(), day).slos
    assert slo.corrections[0].failed_events == pytest.approx(OFF / 2, abs=4 * SCRAPE)
    assert len(SloHistory(clinic.store).corrections("answers")[0].parts) == 2
