"""``monitor alert``: the table of what each alert has, where one goes, and any configuration judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from monitor.catalogue.load import load
from monitor.catalogue.model import AlertRule, Catalogue, Inhibition, Place, Receiver, Team, WorkingHours
from monitor.check import routes
from monitor.check.coverage import Coverage, Covered, coverage
from monitor.check.explained import explain
from monitor.cli import main
from monitor.render.alertmanager import alertmanager_config
from monitor.render.notifications import notification_templates
from tests.unit.test_routing import TREE

RUNBOOKS = Path(__file__).parents[2] / "runbooks"
PAGES = {f"runbooks/{path.name}": path.read_text() for path in RUNBOOKS.glob("[A-Z]*.md")}
MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)


def monitor(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["--env", "compose", *arguments])


@pytest.fixture(scope="module")
def bundled() -> Catalogue:
    return load(None, "compose")


def with_rule(catalogue: Catalogue, name: str, change: Callable[[AlertRule], AlertRule]) -> Catalogue:
    groups = tuple(
        replace(group, rules=tuple(change(rule) if rule.name == name else rule for rule in group.rules))
        for group in catalogue.alerts
    )
    return replace(catalogue, alerts=groups)


def labelled(catalogue: Catalogue, name: str, **labels: str) -> Catalogue:
    return with_rule(catalogue, name, lambda rule: replace(rule, labels=rule.labels | labels))


def of(found: Coverage, name: str) -> Covered:
    return next(row for row in found.rows if row.alert == name)


def test_every_bundled_alert_has_all_that_people_need() -> None:
    done = monitor("alert", "list", "--runbooks", str(RUNBOOKS))

    assert done.exit_code == 0, done.output
    assert "no holes" in done.output
    assert "MongoNoPrimary" in done.output


def heard_by_nobody(catalogue: Catalogue) -> Catalogue:
    (team,) = catalogue.contacts.teams
    return replace(catalogue, contacts=replace(catalogue.contacts, teams=(replace(team, warning=()),)))


def never_at_work(catalogue: Catalogue) -> Catalogue:
    (team,) = catalogue.contacts.teams
    pager = Receiver(name="pager", kind="pagerduty", settings={"routing_key_file": "/k"})
    contacts = replace(
        catalogue.contacts,
        teams=(replace(team, critical=("pager",)),),
        receivers=(*catalogue.contacts.receivers, pager),
        working_hours=(WorkingHours(days=("monday",), hours=()),),
    )
    return replace(catalogue, contacts=contacts)


def too_new(catalogue: Catalogue) -> Catalogue:
    (team,) = catalogue.contacts.teams
    teams = Receiver(name="teams", kind="msteams", settings={"webhook_url_file": "/k"})
    contacts = replace(
        catalogue.contacts,
        teams=(replace(team, critical=("teams",)),),
        receivers=(*catalogue.contacts.receivers, teams),
    )
    environment = replace(catalogue.environment, alertmanager_version="0.25")
    return replace(catalogue, contacts=contacts, environment=environment)


def shadowed(catalogue: Catalogue) -> Catalogue:
    twin = Team(name="sre", critical=("console",), warning=("console",))
    return replace(catalogue, contacts=replace(catalogue.contacts, teams=(*catalogue.contacts.teams, twin)))


def trapped(catalogue: Catalogue) -> Catalogue:
    place = Place(file="inhibitions.yaml", line=1)
    trap = Inhibition(source=("MongoNoPrimary",), target=("RedisDown",), equal=("zone",), place=place)
    return replace(catalogue, inhibitions=(*catalogue.inhibitions, trap))


HOLES: Mapping[str, tuple[Callable[[Catalogue], Catalogue], set[str]]] = {
    "no test": (lambda c: replace(c, alert_tests={}), {"no-test"}),
    "no owner": (lambda c: labelled(c, "RedisDown", team="nobody"), {"no-owner", "no-route"}),
    "no route for a severity": (heard_by_nobody, {"no-route"}),
    "a dashboard that is none": (
        lambda c: with_rule(c, "RedisDown", lambda r: replace(r, annotations=r.annotations | {"dashboard": "nope"})),
        {"no-dashboard"},
    ),
    "no panel on its dashboard": (
        lambda c: with_rule(
            c, "DoubleBooking", lambda r: replace(r, annotations=r.annotations | {"dashboard": "recovery"})
        ),
        {"no-panel"},
    ),
    "nothing to do": (
        lambda c: with_rule(c, "RedisDown", lambda r: replace(r, annotations={"summary": "s", "dashboard": "redis"})),
        {"unsaid"},
    ),
    "muted for ever": (never_at_work, {"muted-forever"}),
    "a receiver that is too new": (too_new, {"unsupported-receiver"}),
    "a route that another shadows": (shadowed, {"dead-route"}),
    "an equal label that nobody carries": (trapped, {"empty-equal"}),
}


@pytest.mark.parametrize("hole", HOLES)
def test_a_planted_hole_is_found(bundled: Catalogue, hole: str) -> None:
    plant, codes = HOLES[hole]
    assert coverage(bundled, PAGES).holes == ()

    found = coverage(plant(bundled), PAGES)

    assert {each.code for each in found.holes} == codes


def test_a_missing_page_is_a_hole_of_its_alert(bundled: Catalogue) -> None:
    pages = {path: text for path, text in PAGES.items() if "RedisDown" not in path}

    found = coverage(bundled, pages)

    assert [each.code for each in found.holes] == ["no-runbook"]
    assert of(found, "RedisDown").holes == ("no-runbook",)
    assert of(found, "MongoNoPrimary").holes == ()


def test_holes_end_with_one_and_are_named(tmp_path: Path) -> None:
    (tmp_path / "RedisDown.md").write_text("# Redis\n")

    done = monitor("alert", "list", "--runbooks", str(tmp_path), "--json")

    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert {hole["code"] for hole in told["holes"]} == {"no-runbook", "empty-runbook"}
    row = next(row for row in told["alerts"] if row["alert"] == "RedisDown")
    assert (row["holes"], row["team"], row["attention"], row["heard_by"]) == (
        ["empty-runbook"],
        "sre",
        "ticket",
        ["console"],
    )


def test_where_an_alert_goes_is_told_with_why() -> None:
    done = monitor("alert", "route", "alertname=MongoRedundancyLost", "--at", "2026-11-26T22:00")

    assert done.exit_code == 0, done.output
    for line in (
        "(the catalogue says component, severity, team)",
        'routes[0] (line 15) drill="true" -> drills: no, it has no drill',
        "-> sre-warning: matches, delivers",
        "Sent at 26 Nov 2026, 22:00 (Europe/Berlin) to:",
        "5s after the first alert, news of the same group each 1m30s, repeated each 4h",
        "MongoNoPrimary (line ",
        "Heard by console.",
    ):
        assert line in done.output


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (["severity=critical", "team=sre"], 0),
        (["severity=info", "team=sre"], 1),
        (["severity=critical", "team=nobody"], 1),
        (["severity=critical", "team=sre", "drill=true"], 1),
        (["alertname=Watchdog"], 1),
        (["nonsense"], 2),
        (["a-b=c"], 2),
        (["severity=critical", "severity=warning"], 2),
        (["severity=critical", "--at", "tomorrow"], 2),
        (["alertname=ErrorBudgetBurnFast"], 2),
        (["alertname=ErrorBudgetBurnFast", "severity=critical"], 0),
        (["alertname=ErrorBudgetBurnFast", "slo=availability"], 0),
        (["alertname=ErrorBudgetBurnSlow"], 0),
        (["severity=critical", "--config", "nowhere.yml"], 2),
    ],
)
def test_the_exit_code_says_whether_anybody_hears(labels: list[str], code: int) -> None:
    done = monitor("alert", "route", *labels)
    assert done.exit_code == code, done.output


def test_the_answer_for_programs_has_all_of_it() -> None:
    told = json.loads(monitor("alert", "route", "alertname=ErrorBudgetBurnSlow", "slo=availability", "--json").output)

    assert told["labels"]["team"] == "sre"
    assert told["heard_by"] == ["console"]
    assert told["receivers"] == ["sre-warning"]
    assert [step["matched"] for step in told["routes"]].count(True) == 3
    (delivery,) = told["deliveries"]
    assert (delivery["integrations"], delivery["repeat_interval"]) == (["webhook"], "4h")
    # However fast it burns, it is one page an SLO.
    assert delivery["group_by"] == {"slo": "availability", "severity": "warning", "environment": ""}
    assert {name for rule in told["inhibited_by"] for name in rule["alerts"]} >= {
        "ErrorBudgetBurnFast",
        "EdgeHasNoBackend",
    }


def test_an_alert_of_another_slo_mutes_nothing(bundled: Catalogue) -> None:
    labels = {"alertname": "ErrorBudgetBurnSlow", "slo": "backup-age"}
    told = explain(routes.rendered(bundled), labels, MONDAY, bundled)
    by_slo = [muting for muting in told.inhibited_by if "slo" in muting.rule.equal]
    assert by_slo, "its own faster alerts do"
    foreign = explain(routes.rendered(bundled), labels | {"slo": "nobodys"}, MONDAY, bundled)
    assert [muting for muting in foreign.inhibited_by if "slo" in muting.rule.equal] == []


@pytest.mark.parametrize("apart", ["environment", "drill"])
def test_what_mutes_an_alert_is_told_wherever_it_comes_from(bundled: Catalogue, apart: str) -> None:
    config, labels = routes.rendered(bundled), {"alertname": "ErrorBudgetBurnSlow", "slo": "backup-age"}
    plain = explain(config, labels, MONDAY, bundled)
    assert explain(config, labels | {apart: "true"}, MONDAY, bundled).inhibited_by == plain.inhibited_by


def test_any_configuration_is_judged_and_its_dead_routes_are_named(tmp_path: Path) -> None:
    file = tmp_path / "theirs.yml"
    file.write_text(TREE)

    done = monitor("alert", "route", "--config", str(file))

    assert done.exit_code == 1
    assert f"{file}:9: no alert can reach the route to default" in done.output
    assert done.output.count("no alert can reach") == 3
    told = json.loads(monitor("alert", "route", "--config", str(file), "--json").output)
    assert [each["route"] for each in told["routes"] if each["dead"]] == [
        "route.routes[1]",
        "route.routes[2].routes[1]",
        "route.routes[4]",
    ]


def test_a_route_that_does_not_keep_the_hours_of_the_one_above_is_named(tmp_path: Path) -> None:
    file = tmp_path / "theirs.yml"
    text = """\
route:
  receiver: r
  routes:
    - matchers: [urgency="low"]
      active_time_intervals: [work]
      routes:
        - {matchers: [team="a"], group_by: [team]}
        - {matchers: [team="b"], active_time_intervals: [work]}
receivers: [{name: r}]
time_intervals: [{name: work, time_intervals: [{weekdays: ["monday:friday"]}]}]
"""
    file.write_text(text)
    done = monitor("alert", "route", "--config", str(file))
    assert done.exit_code == 1
    assert f'{file}:7: the route to r (team="a"; line 7) notifies at any time' in done.output
    file.write_text(text.replace("group_by: [team]", "mute_time_intervals: [work]"))
    assert monitor("alert", "route", "--config", str(file)).exit_code == 0


INHIBITING = """\
route: {receiver: a, routes: [{receiver: b, matchers: [severity="critical"]}]}
receivers: [{name: a}, {name: b}, {name: forgotten}]
inhibit_rules:
- {source_matchers: [severity="critical"], target_matchers: [severity="warning"]}
- {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [alertname]}
- {source_matchers: [alertname="InfoInhibitor"], target_matchers: [severity="info"]}
- {source_matchers: [alertname="Down"], target_matchers: [alertname="Down"]}
"""


def test_receivers_of_nothing_and_inhibitions_of_everything_are_found_in_any_configuration(tmp_path: Path) -> None:
    file = tmp_path / "theirs.yml"
    file.write_text(INHIBITING)

    done = monitor("alert", "route", "--config", str(file), "--json")

    assert done.exit_code == 1
    assert [(one["line"], one["code"]) for one in json.loads(done.stdout)["holes"]] == [
        (2, "dead-route"),
        (4, "empty-equal"),
        (7, "inhibits-nothing"),
    ]


def test_an_alert_is_followed_through_any_configuration(tmp_path: Path) -> None:
    file = tmp_path / "theirs.yml"
    file.write_text(TREE)

    assert monitor("alert", "route", "--config", str(file), "alertname=MongoDown").exit_code == 0
    nobody = monitor("alert", "route", "--config", str(file), "alertname=X")
    assert nobody.exit_code == 1
    assert "nothing is configured there" in nobody.output


def test_labels_of_any_letters_are_asked_for_as_newer_alertmanagers_route_them(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    route = "{receiver: none, routes: [{receiver: hook, matchers: ['http.status=~\"5..\"', 'grüße=ja']}]}"
    file.write_text(
        f"route: {route}\nreceivers: [{{name: none}}, {{name: hook, webhook_configs: [{{url: 'http://h'}}]}}]\n"
    )

    assert monitor("alert", "route", "--config", str(file), "http.status=502", "grüße=ja").exit_code == 0
    assert monitor("alert", "route", "--config", str(file), "http.status=404", "grüße=ja").exit_code == 1
    for wrong in ("a b=c", "a!=b", "=b", "a"):
        assert monitor("alert", "route", "--config", str(file), wrong).exit_code == 2


def test_our_own_routes_can_all_be_reached() -> None:
    done = monitor("alert", "route")
    assert done.exit_code == 0, done.output
    assert "Every route can be reached." in done.output


def test_the_configuration_and_what_to_add_to_another_are_printed(bundled: Catalogue) -> None:
    assert monitor("alert", "config").output == alertmanager_config(bundled)
    assert monitor("alert", "config", "--templates").output == notification_templates(bundled.environment)
    added = monitor("alert", "config", "--subtree").output
    assert added.startswith("# What to add")
    (route,) = yaml.safe_load(added)["route"]["routes"]
    assert route["matchers"][1] == 'team=~"sre"'


def test_three_dots_group_by_every_label(tmp_path: Path) -> None:
    file = tmp_path / "theirs.yml"
    file.write_text("route: {receiver: r, group_by: ['...']}\nreceivers: [{name: r}]\n")
    asked = ("alert", "route", "--config", str(file), "alertname=A", "team=x")
    assert "one notification for alertname=A team=x\n" in monitor(*asked).output
    (delivery,) = json.loads(monitor(*asked, "--json").output)["deliveries"]
    assert delivery["group_by"] == {"alertname": "A", "team": "x"}
