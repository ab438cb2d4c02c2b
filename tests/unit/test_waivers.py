"""Findings that somebody lives with: each by its reason, for as long as it is said, and none without a use."""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, Place, Waiver
from monitor.check import live, live_dashboards, live_slos, traffic
from monitor.check.finding import Finding
from monitor.check.waivers import Looked, stale, without_waived
from monitor.cli import main

TODAY = date(2026, 11, 27)
UNTESTED = Finding(
    file="alerts/redis.yaml", line=8, code="no-test", message="RedisDown has no test", remedy="write one"
)
ANOTHER = replace(UNTESTED, line=19, message="RedisDownAgain has no test")


def waiver(**given: object) -> Waiver:
    usual = {"finding": "no-test", "where": "alerts/redis.yaml", "about": "RedisDown", "reason": "tried by hand"}
    return Waiver(place=Place(file="waivers.yaml", line=1), **(usual | given))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole() -> Catalogue:
    return load(None, "local")


def told(catalogue: Catalogue, *waivers: Waiver, found: tuple[Finding, ...], looked: Looked | None = None) -> list[str]:
    """The findings that are left, and those about waivers, by code and subject."""
    catalogue = replace(catalogue, waivers=waivers)
    left, waived = without_waived(found, catalogue, TODAY)
    about = stale(catalogue, waived, TODAY, looked or Looked())
    return [f"{one.code}: {one.message.split()[0]}" for one in (*left, *about)]


def test_one_finding_is_waived_and_its_neighbours_are_told(whole: Catalogue) -> None:
    assert told(whole, waiver(), found=(UNTESTED, ANOTHER)) == ["no-test: RedisDownAgain"]
    assert told(whole, waiver(about=""), found=(UNTESTED, ANOTHER)) == []
    assert told(whole, waiver(about=""), found=(replace(UNTESTED, code="unsaid"),))[0] == "unsaid: RedisDown"
    assert told(whole, waiver(about=""), found=(replace(UNTESTED, file="alerts/app.yaml"),))[0] == "no-test: RedisDown"


def test_a_waiver_holds_through_its_last_day_and_is_a_finding_from_then_on(whole: Catalogue) -> None:
    assert told(whole, waiver(until=TODAY), found=(UNTESTED,)) == []
    past = waiver(until=date(2026, 11, 26))
    assert told(whole, past, found=(UNTESTED,)) == ["no-test: RedisDown", "expired-waiver: no-test"]
    assert told(whole, past, found=()) == ["expired-waiver: no-test"]


def test_a_waiver_of_nothing_is_a_finding_and_so_is_the_second_of_one_thing(whole: Catalogue) -> None:
    assert told(whole, waiver(), found=()) == ["unused-waiver: no-test"]
    assert told(whole, waiver(), waiver(about=""), found=(UNTESTED,)) == ["unused-waiver: no-test"]


def test_where_it_was_not_looked_nothing_is_said_of_a_waivers_use(whole: Catalogue) -> None:
    panel, page = waiver(where="dashboards/own.json"), waiver(where="runbooks/RedisDown.md")
    series = waiver(finding="missing-series")
    assert told(whole, panel, page, series, found=()) == []
    unused = ["unused-waiver: no-test"]
    assert told(whole, panel, found=(), looked=Looked(files=["dashboards/redis.json"])) == unused
    assert told(whole, panel, found=(), looked=Looked(files=["theirs/redis.json", "runbooks/RedisDown.md"])) == []
    assert told(whole, page, found=(), looked=Looked(files=["runbooks/AppSlow.md"])) == unused
    assert told(whole, series, found=(), looked=Looked(live=True)) == ["unused-waiver: missing-series"]


def test_a_waiver_of_another_environment_neither_holds_nor_is_missed(whole: Catalogue) -> None:
    assert told(whole, waiver(environment="local"), found=(UNTESTED,)) == []
    assert told(whole, waiver(environment="compose"), found=(UNTESTED,)) == ["no-test: RedisDown"]


def test_that_nothing_could_be_asked_cannot_be_waived(whole: Catalogue) -> None:
    silent = Finding(file="--prometheus", line=0, code=live.UNASKED, message="cannot reach it", remedy="start it")
    hidden = waiver(finding=live.UNASKED, where="--prometheus", about="")
    assert told(whole, hidden, found=(silent,))[0] == "prometheus-unasked: cannot"


def test_the_codes_of_a_live_server_are_those_that_it_can_give() -> None:
    sources = [inspect.getsource(module) for module in (live, live_slos, live_dashboards)]
    sources += [inspect.getsource(function) for function in (traffic.at_traffic, traffic._unfit_alert)]
    calls = (node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    codes = {ast.literal_eval(call.args[1]) for call in calls if getattr(call.func, "id", "") == "finding"}
    assert codes == live.LIVE


ENTRY = "- {finding: no-test, where: alerts/redis.yaml, about: RedisDown, reason: tried by hand, until: 2999-01-01}\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue in which RedisDown has lost its tests, and that is known."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["init", "own"]).exit_code == 0
    tests = tmp_path / "own" / "alerts" / "redis.test.yaml"
    kept, asked = tests.read_text(), "alertname: RedisDown\n"
    assert asked in kept
    tests.write_text(kept.replace(asked, "alertname: RedisEvictions\n"))
    (tmp_path / "own" / "waivers.yaml").write_text(ENTRY)
    return tmp_path / "own"


def check(*more: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--catalogue", "own", *more])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def test_a_check_counts_what_it_does_not_tell_and_programs_are_told_why(place: Path) -> None:
    code, said = check("check")
    assert (code, said.rstrip().endswith("no findings (1 waived)")) == (0, True), said
    (waived,) = json.loads(check("check", "--json")[1])["waived"]
    assert (waived["code"], waived["reason"], waived["until"]) == ("no-test", "tried by hand", "2999-01-01")
    listed = json.loads(check("alert", "list", "--json", "--runbooks", str(place))[1])
    assert [hole["code"] for hole in listed["waived"]] == ["no-test"]
    assert "no-test" not in {hole["code"] for hole in listed["holes"]}


def test_what_is_waived_does_not_warn_when_files_are_generated(place: Path) -> None:
    alerts = place / "alerts" / "redis.yaml"
    alerts.write_text(alerts.read_text().replace("redis_up[", "redis_upp[", 1))
    assert "warning: alerts/redis.yaml" in check("generate")[1]
    entry = "- {finding: unknown-metric, where: alerts/redis.yaml, about: redis_upp, reason: comes next week}\n"
    (place / "waivers.yaml").write_text(ENTRY + entry)
    assert "warning" not in check("generate")[1]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("- {finding: no-test, where: alerts/redis.yaml}\n", "waivers.yaml:1: [0].reason: is missing"),
        ("- {finding: no-test, where: x, reason: ' '}\n", "waivers.yaml:1: [0].reason: must not be empty"),
        ("- {finding: no-test, where: x, reason: why, until: 1.4.27}\n", "[0].until: must be a day such as 2027-03-01"),
        ("- {finding: no-test, where: x, reason: why, until: 2027-02-30}\n", "[0].until: must be a day such as"),
        (
            "- {finding: no-test, where: x, reason: why, environment: prod}\n",
            "environment prod does not exist (known: ",
        ),
        ("- {finding: no-test, where: x, reason: why, untill: soon}\n", "[0].untill: is not a known field"),
        ("finding: no-test\n", "waivers.yaml:1: must be a list of entries such as {finding: no-test, "),
    ],
)
def test_a_waiver_that_cannot_be_read_is_a_fault_with_its_place(place: Path, entry: str, said: str) -> None:
    (place / "waivers.yaml").write_text(entry)
    code, output = check("check")
    assert (code, len(output.splitlines())) == (2, 1), output
    assert said in output
