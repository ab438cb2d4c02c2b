"""Who hears of what, and when: contacts.yaml as it is read, and as routes, receivers and hours that come of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.catalogue import working_hours
from monitor.catalogue.load import load
from monitor.catalogue.model import Attention, Catalogue, Contacts, Receiver, Team, TeamPart, WorkingHours
from monitor.check import routes
from monitor.check.explained import explain
from monitor.errors import CatalogueError
from monitor.render.alert_routes import receiver_name
from monitor.render.alertmanager import alertmanager_config, subtree
from monitor.render.rules import all_alerts
from monitor.render.yaml_text import document
from monitor.routing.config import read
from monitor.routing.reach import reaches
from monitor.routing.walk import deliveries, mutes
from monitor.stack.derived import Promises, load_for
from monitor.stack.layout import Layout
from tests.catalogue_files import SLO

CONTACTS = """\
teams:
  - name: sre
    critical: [pager]
    critical_working_hours: [chat]
    warning: [tickets]
    services:
      - labels: {component: mongodb}
        critical: [dba]
receivers:
  - {name: console, kind: webhook, settings: {}}
  - {name: pager, kind: pagerduty, settings: {routing_key_file: /run/secrets/a}}
  - {name: dba, kind: pagerduty, settings: {routing_key_file: /run/secrets/b}}
  - {name: chat, kind: slack, settings: {api_url_file: /run/secrets/c}}
  - {name: tickets, kind: email, settings: {to: a@b, from: c@d, smarthost: 'mail:25', require_tls: 'false'}}
  - {name: room, kind: webhook, settings: {url: 'http://room:1'}}
drills: [room]
working_hours:
  - {days: [monday:friday], hours: ["08:00-12:00", "13:00-18:00"]}
  - {days: [friday], hours: ["22:00-06:00"]}
holidays: ["12-25", "2027-03-29"]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "checkout.yaml").write_text(SLO)
    (tmp_path / "recovery.yaml").write_text(
        "rpo: 1h\nrto: 4h\nfull_backup_every: 30m\nverify_every: 6h\nkeep_full: 3\ntime_zone: Europe/Berlin\n"
    )
    return tmp_path


def test_the_examples_of_the_documentation_are_taken(root: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "alerting.md").read_text()
    contacts, inhibitions, waivers = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (root / "inhibitions.yaml").write_text(
        inhibitions.replace("MongoNoPrimary", "SLONoData").replace("MongoRedundancyLost", "ErrorBudgetExhausted")
    )

    (root / "waivers.yaml").write_text(waivers)

    catalogue = loaded(root, contacts)

    assert [waiver.finding for waiver in catalogue.waivers] == ["no-test"]
    assert heard(catalogue, component="mongodb") == ("dba",)
    assert heard(catalogue, drill="true") == ("rehearsals",)
    assert len(catalogue.inhibitions) == 1


def loaded(root: Path, text: str = CONTACTS) -> Catalogue:
    (root / "contacts.yaml").write_text(text)
    return load(root, "local")


def heard(catalogue: Catalogue, at: str = "2026-11-26T09:00+00:00", **labels: str) -> tuple[str, ...]:
    full = {"team": "sre", "severity": "critical"} | labels
    return explain(routes.rendered(catalogue), full, datetime.fromisoformat(at), catalogue).heard_by


def test_teams_hear_by_urgency_service_and_hour(root: Path) -> None:
    catalogue = loaded(root)
    night = "2026-11-26T02:00+00:00"

    assert heard(catalogue) == ("pager",)
    assert heard(catalogue, night) == ("pager",)
    assert heard(catalogue, component="mongodb") == ("dba",)
    assert heard(catalogue, severity="warning", component="mongodb") == ("tickets",)
    assert heard(catalogue, urgency="working-hours") == ("chat", "tickets")
    assert heard(catalogue, night, urgency="working-hours") == ("tickets",)
    assert heard(catalogue, component="mongodb", urgency="working-hours") == ("dba", "tickets")
    assert heard(catalogue, severity="info") == ()
    assert heard(catalogue, team="strangers") == ()
    assert heard(catalogue, drill="true") == ("room",)
    assert heard(catalogue, alertname="Watchdog", drill="true") == ("room",)


def test_what_carries_no_team_is_the_default_teams(root: Path) -> None:
    """Rules that others wrote, such as those of kube-prometheus, know no teams: their pages must not be lost."""
    config = routes.rendered(loaded(root))

    def to(**labels: str) -> list[str]:
        return [each.route.receiver for each in deliveries(config, labels, datetime(2026, 11, 26, 9, tzinfo=UTC))]

    assert to(alertname="KubeAPIDown", severity="critical") == ["sre-critical"]
    assert to(alertname="KubeAPIDown", severity="critical", component="mongodb") == ["sre/mongodb-critical"]
    assert to(alertname="KubePodCrashLooping", severity="warning") == ["sre-warning"]
    assert to(alertname="InfoInhibitor", severity="none") == ["console"]
    assert to(alertname="Theirs", severity="critical", team="theirs") == ["console"]


def test_a_list_of_nobody_is_kept_and_no_wider_route_takes_what_is_left_to_it(root: Path) -> None:
    """Or those who are not to hear of it would be called, and of what can wait at night."""
    nobody = loaded(
        root,
        CONTACTS.replace("critical: [dba]", "critical: []")
        .replace("critical_working_hours: [chat]", "critical_working_hours: []")
        .replace("warning: [tickets]", "warning: []"),
    )
    assert heard(nobody) == ("pager",)
    assert heard(nobody, urgency="working-hours") == ()
    assert heard(nobody, component="mongodb") == ()
    assert heard(nobody, component="mongodb", urgency="working-hours") == ()
    assert "no-route" in {code for code, _ in found(nobody, nobody.contacts)}


def test_what_can_wait_for_nobody_does_not_wake_those_of_the_part(root: Path) -> None:
    """Nor does a part that makes no tickets get the team's."""
    part = "critical: [dba]\n        critical_working_hours: []\n        warning: []"
    text = CONTACTS.replace("critical: [dba]", part).replace("critical: [pager]", "critical: []")
    catalogue = loaded(root, text.replace("critical_working_hours: [chat]", "critical_working_hours: []"))
    assert heard(catalogue, component="mongodb", urgency="working-hours") == ()
    assert heard(catalogue, component="mongodb") == ("dba",)
    assert heard(catalogue, urgency="working-hours") == ("tickets",)


@pytest.mark.parametrize(
    ("at", "works"),
    [
        ("2026-11-26T11:30+00:00", False),  # half past twelve in Berlin
        ("2026-11-27T20:59+00:00", False),
        ("2026-11-27T21:00+00:00", True),  # Friday, ten in the evening
        ("2026-11-28T04:59+00:00", True),
        ("2026-11-28T05:00+00:00", False),
        ("2026-11-26T21:30+00:00", False),
        ("2026-12-25T09:00+00:00", False),
        ("2025-12-25T09:00+00:00", False),
        ("2027-03-29T09:00+00:00", False),
        ("2026-03-30T09:00+00:00", True),
    ],
)
def test_working_hours_are_those_of_the_clinics_clocks(root: Path, at: str, works: bool) -> None:  # noqa: FBT001  # a case
    assert ("chat" in heard(loaded(root), at, urgency="working-hours")) == works


def test_hours_over_midnight_are_two_entries_and_spans_that_touch_are_one() -> None:
    entries = (
        WorkingHours(days=("saturday:sunday",), hours=("20:00-04:00",)),
        WorkingHours(days=("monday",), hours=("04:00-08:00", "07:00-09:00")),
    )

    assert working_hours.week(entries) == (
        ((0,), ((0, 540),)),
        ((5,), ((1200, 1440),)),
        ((6,), ((0, 240), (1200, 1440))),
    )


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("monday:friday", "montag", "working_hours[0].days[0]"),
        ("08:00-12:00", "8-12", "working_hours[0].hours[0]"),
        ("08:00-12:00", "08:00-08:00", "working_hours[0].hours[0]"),
        ("12-25", "25.12.", "holidays[0]"),
        ("12-25", "02-30", "holidays[0]"),
        ("12-25", "2026-12-24:01-01", "holidays[0]"),
        ("2027-03-29", "2027-02-29", "holidays[1]"),
        ("drills: [room]", "drills: [nobody]", "drills[0]"),
        ("critical: [dba]", "critical: [nobody]", "teams[0].services[0].critical[0]"),
        ("critical_working_hours: [chat]", "critical_working_hours: [nobody]", "teams[0].critical_working_hours[0]"),
        ("critical: [pager]", "critical: [pager, pager]", "teams[0].critical[1]"),
        ("{component: mongodb}", "{}", "teams[0].services[0].labels"),
        ("{component: mongodb}", "{severity: critical}", "teams[0].services[0].labels.severity"),
        ("{component: mongodb}", "{a-b: c}", "teams[0].services[0].labels.a-b"),
        ("labels: {component", "lables: {component", "teams[0].services[0].labels"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_at_its_field(root: Path, old: str, new: str, place: str) -> None:
    assert old in CONTACTS
    with pytest.raises(CatalogueError) as caught:
        loaded(root, CONTACTS.replace(old, new, 1))
    assert place in {fault.path for fault in caught.value.faults}


def test_a_part_given_twice_is_a_fault(root: Path) -> None:
    twice = CONTACTS.replace("        critical: [dba]\n", "        critical: [dba]\n      - labels: {job: mongodb}\n")
    with pytest.raises(CatalogueError, match=r"sre/mongodb is given twice"):
        loaded(root, twice)


def test_parts_of_two_teams_are_told_apart(root: Path) -> None:
    """Or the receiver of one would stand for both."""
    part = "critical: [pager], warning: [pager], services: [{labels: {job: %s}, critical: [dba]}]"
    teams = f"  - {{name: a, {part % 'b/c'}}}\n  - {{name: a/b, {part % 'c'}}}\n"
    with pytest.raises(CatalogueError, match=r"teams\[2\]\S* a/b/c is given twice"):
        loaded(root, CONTACTS.replace("receivers:\n", f"{teams}receivers:\n"))


def test_a_template_that_nobody_defines_is_found_before_a_page_is_lost(root: Path) -> None:
    title = "title: '{{ template \"%s\" . }}'"
    for name, wrong in (("slack.mine", True), ("sre.slack.title", False), ("slack.default.title", False)):
        own = CONTACTS.replace("api_url_file: /run/secrets/c", f"api_url_file: /c, {title % name}")
        assert [one.code for one in routes.unsendable(loaded(root, own))] == ["unknown-template"] * wrong


def test_an_urgency_must_be_one_that_is_known(root: Path) -> None:
    (root / "alerts").mkdir()
    said = "annotations: {summary: s, impact: i, action: a}"
    rule = "{alert: A, expr: up == 0, labels: {severity: %s, urgency: %s}, " + said + "}"
    for severity, urgency, code in (("critical", "later", "wrong-value"), ("warning", "working-hours", "wrong-value")):
        text = f"groups:\n  - name: g\n    rules:\n      - {rule % (severity, urgency)}\n"
        (root / "alerts" / "g.yaml").write_text(text)
        with pytest.raises(CatalogueError) as caught:
            load(root, "local")
        assert [(fault.path, fault.code) for fault in caught.value.faults] == [
            ("groups[0].rules[0].labels.urgency", code)
        ]


def config(catalogue: Catalogue) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(alertmanager_config(catalogue))
    return found


def test_everybody_is_told_with_our_templates_and_of_the_end_as_well(root: Path) -> None:
    receivers = {receiver["name"]: receiver for receiver in config(loaded(root))["receivers"]}

    assert all(
        receiver["webhook_configs"][0]["url"].endswith("/hooks/alertmanager")
        for name, receiver in receivers.items()
        if name != "watchdog"
    )
    (mail,) = receivers["sre-warning"]["email_configs"]
    assert (mail["require_tls"], mail["send_resolved"], mail["html"]) == (
        False,
        True,
        '{{ template "sre.email.html" . }}',
    )
    (chat,) = receivers["sre-working-hours"]["slack_configs"]
    assert (chat["send_resolved"], chat["text"]) == (True, '{{ template "sre.slack.text" . }}')
    assert {key for receiver in receivers.values() for key in receiver} == {
        "name",
        "webhook_configs",
        "email_configs",
        "slack_configs",
        "pagerduty_configs",
    }


def test_what_the_catalogue_says_about_a_message_is_kept(root: Path) -> None:
    own = CONTACTS.replace("api_url_file: /run/secrets/c", "api_url_file: /run/secrets/c, title: 'Mine: {{ .Status }}'")

    receivers = {receiver["name"]: receiver for receiver in config(loaded(root, own))["receivers"]}

    assert receivers["sre-working-hours"]["slack_configs"][0]["title"] == "Mine: {{ .Status }}"


def test_no_hours_are_written_where_nobody_waits_for_them(root: Path) -> None:
    same = CONTACTS.replace("critical_working_hours: [chat]", "critical_working_hours: [tickets]").replace(
        "critical: [dba]", "critical: [tickets]"
    )
    assert "time_intervals" not in config(loaded(root, same))


def test_a_rehearsal_is_routed_before_everything_else_and_mutes_nothing_real(root: Path) -> None:
    written = config(loaded(root))

    assert written["route"]["routes"][0] == {"receiver": "drills", "matchers": ['drill="true"']}
    assert all(rule["equal"][0] == "drill" for rule in written["inhibit_rules"])


def test_receivers_of_a_team_and_of_its_parts_are_told_apart() -> None:
    team = Team(name="a", critical=(), warning=())
    part = TeamPart(labels={"component": "b", "job": "c"})
    assert receiver_name(team, Attention.NOW) == "a-critical"
    assert receiver_name(team, Attention.WORKING_HOURS, part) == "a/b-c-working-hours"


def test_a_team_with_its_own_alertmanager_gets_one_route_that_takes_our_alerts_alone() -> None:
    catalogue = load(None, "compose")
    ours = yaml.safe_load(document(subtree(catalogue)))
    theirs = {
        "route": {
            "receiver": "theirs",
            "routes": [*ours["route"]["routes"], {"receiver": "infra", "matchers": ['severity="critical"']}],
        },
        "receivers": [{"name": "theirs"}, {"name": "infra"}, *ours["receivers"]],
        "inhibit_rules": ours["inhibit_rules"],
    }
    merged = read(yaml.safe_dump(theirs), "theirs.yml")

    def to(**labels: str) -> list[str]:
        return [each.route.receiver for each in deliveries(merged, labels, datetime(2026, 1, 5, tzinfo=UTC))]

    assert to(alertname="MongoNoPrimary", team="sre", severity="critical") == ["sre-critical"]
    assert to(alertname="Watchdog", team="sre", severity="none") == ["watchdog"]
    assert to(alertname="MongoNoPrimary", team="sre", severity="critical", drill="true") == ["drills"]
    assert to(alertname="Watchdog", severity="none") == ["theirs"], "the Watchdog of another stack is not ours"
    assert to(alertname="KubePodCrashLooping", severity="critical") == ["infra"]
    assert [each for each in reaches(merged.route) if each.dead] == []
    # Theirs may be called the same: RedisDown is a common name.
    down, high = {"alertname": "RedisDown", "instance": "x"}, {"alertname": "RedisMemoryHigh", "instance": "x"}
    muting = [rule for rule in merged.inhibit_rules if mutes(rule, down | {"team": "sre"}, high | {"team": "sre"})]
    assert len(muting) == 1
    assert not any(
        mutes(rule, down | theirs_, high) for rule in merged.inhibit_rules for theirs_ in ({}, {"team": "x"})
    )


def test_whoever_delivers_to_the_console_says_who_he_is(root: Path) -> None:
    login = "{username: alertmanager, password_file: /run/secrets/web, ca_file: /etc/own.pem}"
    made = config(loaded(root, CONTACTS.replace("kind: webhook, settings: {}", f"kind: webhook, settings: {login}")))

    first = [receiver["webhook_configs"][0] for receiver in made["receivers"]]
    assert all(hook["url"].endswith(("/hooks/alertmanager", "/hooks/watchdog")) for hook in first)
    assert [hook["http_config"] for hook in first] == [
        {
            "basic_auth": {"username": "alertmanager", "password_file": "/run/secrets/web"},
            "tls_config": {"ca_file": "/etc/own.pem"},
        }
    ] * len(first)
    assert "http_config" not in made["receivers"][2]["webhook_configs"][1], "the console's password is for the console"


def test_the_embedded_stacks_console_has_no_users_whatever_contacts_yaml_asks_for(root: Path, tmp_path: Path) -> None:
    login = "{username: alertmanager, password_file: /run/secrets/web}"
    (root / "contacts.yaml").write_text(CONTACTS.replace("settings: {}", f"settings: {login}"))

    made = config(load_for(Layout(run_dir=tmp_path / "run"), Promises(catalogue=root)))

    assert all("http_config" not in hook for receiver in made["receivers"] for hook in receiver["webhook_configs"])


def test_two_severities_of_one_alert_are_one_page(root: Path) -> None:
    (root / "alerts").mkdir()
    (root / "metrics").mkdir()
    rule = (
        "      - alert: LagHigh\n        expr: max by (member) (lag_seconds) > %d\n"
        "        labels: {severity: %s}\n        annotations: {summary: s, impact: i, action: a}\n"
    )
    text = "groups:\n  - name: g\n    rules:\n" + rule % (10, "warning") + rule % (60, "critical")
    (root / "alerts" / "g.yaml").write_text(text)
    (root / "metrics" / "mine.json").write_text(
        '{"producer": "mine", "metrics": [{"name": "lag_seconds", "type": "gauge", "help": "h", "labels": ["member"]}]}'
    )

    assert config(load(root, "local"))["inhibit_rules"][-1] == {
        "source_matchers": ['alertname="LagHigh"', 'severity="critical"'],
        "target_matchers": ['alertname="LagHigh"', 'severity="warning"'],
        "equal": ["drill", "environment", "member"],
    }


def found(catalogue: Catalogue, contacts: Contacts) -> list[tuple[str, str]]:
    changed = replace(catalogue, contacts=contacts)
    rules = tuple(all_alerts(changed))
    each = (*routes.unrouted(changed, rules), *routes.unreachable(changed, rules), *routes.always_muted(changed))
    return [(finding.code, finding.message) for finding in each]


def test_an_alert_says_itself_how_often_it_is_repeated_and_goes_where_it_would_go_anyway() -> None:
    bundled = load(None, "compose")
    config = read(alertmanager_config(bundled), "alertmanager.yml")

    def told(name: str) -> tuple[str, str]:
        (sent,) = explain(config, {"alertname": name}, datetime(2026, 11, 28, 3, tzinfo=UTC), bundled).sent
        return sent.delivery.route.receiver, sent.delivery.route.repeat_interval

    assert told("CertificateExpiresIn7Days") == ("sre-warning", "1d")
    assert told("CertificateExpiresIn21Days") == ("sre-warning", "4h")
    assert found(bundled, bundled.contacts) == []


def test_what_can_wait_and_is_repeated_calls_nobody_at_night(root: Path) -> None:
    """Alertmanager's routes do not take over the times of the route above them."""
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(
        "groups:\n- name: a\n  rules:\n  - alert: Patient\n    expr: up == 0\n"
        "    labels: {severity: critical, urgency: working-hours, repeat: 1d}\n"
        "    annotations: {summary: s, impact: i, action: a}\n"
    )
    catalogue = loaded(root)
    waits = {"alertname": "Patient", "urgency": "working-hours", "repeat": "1d"}

    assert heard(catalogue, **waits) == ("chat", "tickets")
    assert heard(catalogue, "2026-11-26T02:00+00:00", **waits) == ("tickets",)
    assert heard(catalogue, "2026-12-25T09:00+00:00", **waits) == ("tickets",)


@pytest.mark.parametrize("repeat", ["often", "0s", "6d"])
def test_a_repetition_that_cannot_be_kept_is_a_fault_at_its_field(root: Path, repeat: str) -> None:
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(
        "groups:\n- name: a\n  rules:\n  - alert: Odd\n    expr: up == 0\n"
        f"    labels: {{severity: warning, repeat: {repeat}}}\n"
        "    annotations: {summary: s, impact: i, action: a}\n"
    )
    with pytest.raises(CatalogueError) as caught:
        load(root, "compose")
    assert [fault.path for fault in caught.value.faults] == ["groups[0].rules[0].labels.repeat"]


def test_a_part_that_another_takes_from_is_a_dead_route() -> None:
    bundled = load(None, "compose")
    (team,) = bundled.contacts.teams
    wide = TeamPart(labels={"component": "mongodb"}, critical=("console",))
    narrow = TeamPart(labels={"component": "mongodb", "job": "x"}, critical=("console",))

    told = found(bundled, replace(bundled.contacts, teams=(replace(team, services=(wide, narrow)),)))

    assert ("dead-route") in {code for code, _ in told}
    assert any("sre/mongodb-x-critical" in message and "sre/mongodb-critical" in message for _, message in told)


def test_hours_that_never_come_are_found() -> None:
    bundled = load(None, "compose")
    (team,) = bundled.contacts.teams
    pager = Receiver(name="pager", kind="pagerduty", settings={"routing_key_file": "/k"})
    contacts = replace(
        bundled.contacts,
        teams=(replace(team, critical=("pager",)),),
        receivers=(*bundled.contacts.receivers, pager),
        working_hours=(WorkingHours(days=(), hours=("08:00-18:00",)),),
    )

    assert [code for code, _ in found(bundled, contacts)] == ["muted-forever"]
    assert (
        found(bundled, replace(contacts, working_hours=(WorkingHours(days=("sunday",), hours=("23:30-24:00",)),))) == []
    )


def test_a_rehearsal_that_would_page_people_is_found() -> None:
    bundled = load(None, "compose")
    (team,) = bundled.contacts.teams
    pager = Receiver(name="pager", kind="pagerduty", settings={"routing_key_file": "/k"})
    contacts = replace(
        bundled.contacts,
        teams=(replace(team, critical=("pager",)),),
        receivers=(*bundled.contacts.receivers, pager),
        drills=("pager",),
    )
    assert [code for code, _ in found(bundled, contacts)] == ["loud-drill"]
