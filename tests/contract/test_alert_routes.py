"""Where we say that an alert goes is where amtool says; and what we call unsupported is what amtool refuses."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import yaml

from monitor import clock
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, Contacts, Receiver, Severity, Team, TeamPart
from monitor.check import routes
from monitor.errors import CatalogueError
from monitor.render.alertmanager import alertmanager_config, people, subtree
from monitor.render.notifications import FILE, notification_templates
from monitor.render.rules import all_alerts
from monitor.render.yaml_text import document
from monitor.routing.config import read
from monitor.routing.matchers import Matcher, parse
from monitor.routing.walk import deliveries
from tests.contract.notification_receivers import version
from tests.unit.test_contacts_properties import ZONES, made
from tests.unit.test_routing import TREE

SETTINGS = {
    "pager": ("pagerduty", {"routing_key_file": "/run/secrets/a"}),
    "dba": ("pagerduty", {"service_key_file": "/run/secrets/b"}),
    "chat": ("slack", {"api_url_file": "/run/secrets/c", "channel": "#sre"}),
    "mail": ("email", {"to": "a@b", "from": "c@d", "smarthost": "mail:25", "require_tls": "false"}),
    "hook": ("webhook", {"url": "http://hook:1"}),
    "secret-hook": ("webhook", {"url_file": "/run/secrets/d"}),
    "known-hook": ("webhook", {"url": "https://h/x", "username": "u", "password_file": "/run/secrets/f"}),
    "trusted-hook": ("webhook", {"url": "https://h/x", "credentials_file": "token", "ca_file": "/etc/ssl/own.pem"}),
    "teams": ("msteams", {"webhook_url_file": "/run/secrets/e"}),
}


def busy_clinic(version_: str, *names: str) -> Catalogue:
    """The bundled catalogue with as much in contacts.yaml as it knows."""
    receivers = [Receiver(name="console", kind="webhook", settings={})]
    for name in names or ("pager", "dba", "chat", "mail", "hook"):
        kind, settings = SETTINGS[name]
        receivers.append(Receiver(name=name, kind=kind, settings=settings))  # type: ignore[arg-type]  # one of the kinds
    heard = [receiver.name for receiver in receivers]
    parts = (
        TeamPart(labels={"component": "mongodb"}, critical=(heard[-1],), warning=("console",)),
        TeamPart(labels={"slo_service": 'odd "name" \\ '}, critical=("console",)),
    )
    team = Team(name="sre", critical=tuple(heard[1:]), warning=(heard[-1],), services=parts)
    other = Team(name='the "A" team', critical=("console",), warning=(), critical_working_hours=())
    catalogue = load(None, "compose", environment_overrides={"alertmanager_version": version_})
    contacts = Contacts(teams=(team, other), receivers=tuple(receivers), drills=(heard[-1],), holidays=("12-25",))
    return replace(catalogue, contacts=contacts)


def amtool(config: Path, labels: Mapping[str, str]) -> str:
    quoted = [str(Matcher(name, "=", value)) for name, value in labels.items()]
    command = ["amtool", "config", "routes", "test", f"--config.file={config}", *quoted]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # What it says about matchers that it reads in the older way stands before; a receiver's name may hold anything.
    return done.stdout.removesuffix("\n")


def disagreements(config: Path, asked: Iterable[Mapping[str, str]]) -> list[object]:
    read_config, now = read(config.read_text(), config.name), clock.now()

    def judge(labels: Mapping[str, str]) -> object:
        ours = [each.route.receiver for each in deliveries(read_config, labels, now)]
        theirs = amtool(config, labels)
        return None if f"\n{theirs}".endswith(f"\n{','.join(ours)}") else (labels, ours, theirs)

    with ThreadPoolExecutor(2) as pool:
        return [found for found in pool.map(judge, asked) if found is not None]


def test_amtool_agrees_on_every_alert_of_the_catalogue_at_every_severity(tmp_path: Path) -> None:
    catalogue = busy_clinic(version())
    config = tmp_path / "alertmanager.yml"
    config.write_text(alertmanager_config(catalogue))
    (tmp_path / FILE).write_text(notification_templates(catalogue.environment))
    asked = {
        tuple(sorted((rule.labels | {"alertname": rule.name, "severity": severity.value} | more).items()))
        for rule in all_alerts(catalogue)
        for severity in Severity
        for more in ({}, {"urgency": "working-hours"})
        if "slo" not in rule.labels or rule.labels["slo"] == "availability"
        if not more or severity is Severity.CRITICAL
    }
    odd = [
        {"team": 'the "A" team', "severity": "critical"},
        {"team": "sre", "severity": "critical", "slo_service": 'odd "name" \\ '},
        {"team": "sre", "severity": "critical", "drill": "true"},
        {"alertname": "Watchdog", "drill": "true"},
        {"team": "nobody"},
    ]

    assert disagreements(config, [*map(dict, sorted(asked)), *odd]) == []


ODD = (
    *(
        "a\tb",
        "a\nb",
        "\x7f",
        "a\u2028b",
        "\ufeffx",
        "日本",
        "\U0001f600",
        " a ",
        "a,b",
        "a|b",
        "a.b",
        "axb",
        "{}",
        "x}",
    ),
    *("'q'", "`", "\\", "\\d", "\\n", "(", "^a$", ".*", "[a]", "x{2}", "0x1f", "yes", "~", "{{ .x }}", "- a: b # c"),
)


def test_amtool_agrees_whatever_teams_and_their_parts_are_called(tmp_path: Path) -> None:
    catalogue = busy_clinic(version())
    part = TeamPart(labels={"component": "odd"}, critical=("pager",))
    teams = [Team(name=name, critical=("console",), warning=(), services=(part,)) for name in ODD]
    parts = tuple(TeamPart(labels={"component": name}, critical=("console",)) for name in ODD)
    teams.append(Team(name="sre", critical=("pager",), warning=(), services=parts))
    config = tmp_path / "alertmanager.yml"
    config.write_text(alertmanager_config(replace(catalogue, contacts=replace(catalogue.contacts, teams=tuple(teams)))))
    (tmp_path / FILE).write_text(notification_templates(catalogue.environment))

    of_teams = [{"team": name, "severity": "critical", "component": "odd"} for name in ODD]
    of_parts = [{"team": "sre", "severity": "critical", "component": name} for name in ODD]

    assert disagreements(config, [*of_teams, *of_parts]) == []


def odd_clinic(random: Random, bundled: Catalogue) -> Catalogue:
    """Anything that contacts.yaml can say: receivers and teams of any name, hours, holidays and zones."""
    names = random.sample(ODD, 4)
    heard: list[Receiver] = []
    for name in names:
        kind, settings = random.choice(list(SETTINGS.values()))
        heard.append(Receiver(name=name, kind=kind, settings=settings))  # type: ignore[arg-type]  # one of the kinds
    contacts = made(random, tuple(names))
    login = random.choice([{}, {"username": "u", "password_file": "p"}])
    console = Receiver(name="console", kind="webhook", settings=login)
    teams = tuple(replace(team, name=f"{team.name}{random.choice(ODD)}") for team in contacts.teams[1:])
    contacts = replace(contacts, receivers=(console, *heard), teams=(*contacts.teams[:1], *teams), drills=(names[0],))
    assert bundled.recovery is not None
    zone = replace(bundled.recovery, time_zone=random.choice(ZONES))
    return replace(bundled, contacts=contacts, recovery=zone)


def test_amtool_accepts_whatever_contacts_yaml_can_say(tmp_path: Path) -> None:
    bundled = load(None, "compose", environment_overrides={"alertmanager_version": version()})

    def judge(seed: int) -> str:
        catalogue = odd_clinic(Random(seed), bundled)
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "alertmanager.yml").write_text(alertmanager_config(catalogue))
        (folder / FILE).write_text(notification_templates(catalogue.environment))
        command = ["amtool", "check-config", str(folder / "alertmanager.yml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        heard = {name for names in people(catalogue).values() for name in names}
        refused = [
            each for each in routes.unsupported(catalogue) if any(f" {name}: " in each.message for name in heard)
        ]
        return "" if (done.returncode == 0) == (not refused) else f"{seed}: {refused} {done.stdout} {done.stderr}"

    with ThreadPoolExecutor(2) as pool:
        assert [said for said in pool.map(judge, range(12)) if said] == []


def test_amtool_agrees_on_trees_that_others_wrote(tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(
        TREE.replace(
            "  - match: {severity: info",
            "  - {receiver: all, matchers: ['team=~\"(?i)Pay[a-m]+|x{2,3}\"'], continue: true}\n"
            "  - {receiver: pager, matchers: ['region!~\"eu-.*\"', 'region=~\".+\"']}\n"
            "  - match_re: {zone: 'a.c|b'}\n    receiver: db\n"
            "  - match: {severity: info",
        )
    )
    asked = [
        {"alertname": alert, "severity": severity, "team": team, "region": region, "zone": zone}
        for alert in ("MongoNoPrimary", "X")
        for severity in ("critical", "")
        for team, region, zone in (
            ("payback", "", ""),
            ("PAY", "us-1", ""),
            ("xx", "eu-1", "abc"),
            ("xxxx", "us-1", "b"),
            ("", "", "xb"),
            ("payb", "eu", "a\nc"),
        )
    ]

    assert disagreements(config, [{k: v for k, v in labels.items() if v and "\n" not in v} for labels in asked]) == []


ANY_LETTERS = (
    *("http.status=500", 'http.status=~"5.."', "grüße!=ja", "a-b=c", "1a=b", "{x/y=z}", '"a b"="c d"', '"a"=~"b|c"'),
    *(
        '"a,b"=c',
        r'"a\"b"="c"',
        r'"é"="\u0041"',
        r'"\u00e9.x"="\tb"',
        'a.b = "c",d=e',
        "a=🙂",
        "🙂=a",
        "a='b'",
        "{a.b=c,}",
    ),
)
NO_MATCHERS = (
    *("a b=c", 'a="b', "=b", '"a', "a=b,,c=d", 'a=b"c', 'a="b"c"', "a=b,{c=d}", "a.b='c'", "a.b=", "a.b=c=d"),
    *('a.b="c" d', r'a.b="\."', r'"a\xff"=b', '"a"=x{2}', "{a.b=c", "a.b~=c"),
)


def test_amtool_agrees_on_labels_of_any_letters(tmp_path: Path) -> None:
    if tuple(map(int, version().split("."))) < (0, 27):
        pytest.skip(f"Alertmanager {version()} is on PATH: labels of any letters can be matched from 0.27 on")
    config = tmp_path / "alertmanager.yml"
    theirs = [{"receiver": f"r{number}", "matchers": [text]} for number, text in enumerate(ANY_LETTERS)]
    receivers = [{"name": "none"}, *({"name": route["receiver"]} for route in theirs)]
    config.write_text(yaml.safe_dump({"route": {"receiver": "none", "routes": theirs}, "receivers": receivers}))
    meant = [
        {one.name: one.value for one in parse(text) if one.op == "="} | {"grüße": "ja", "http.status": status}
        for text in ANY_LETTERS
        for status in ("500", "502", "404")
    ]

    assert disagreements(config, meant) == []


@pytest.mark.parametrize("text", NO_MATCHERS)
def test_amtool_refuses_as_we_do(text: str, tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    route = {"receiver": "r", "routes": [{"receiver": "r", "matchers": [text]}]}
    config.write_text(yaml.safe_dump({"route": route, "receivers": [{"name": "r"}]}))
    command = ["amtool", "check-config", str(config)]

    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0
    with pytest.raises(CatalogueError):
        read(config.read_text(), config.name)


def test_amtool_accepts_a_configuration_that_our_subtree_was_added_to(tmp_path: Path) -> None:
    catalogue = busy_clinic(version())
    ours = yaml.safe_load(document(subtree(catalogue)))
    theirs = {"receiver": "theirs", "routes": [*ours.pop("route")["routes"], {"receiver": "theirs"}]}
    config = tmp_path / "alertmanager.yml"
    config.write_text(yaml.safe_dump(ours | {"route": theirs, "receivers": [{"name": "theirs"}, *ours["receivers"]]}))
    (tmp_path / FILE).write_text(notification_templates(catalogue.environment))

    command = ["amtool", "check-config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        amtool(config, {"alertname": "MongoNoPrimary", "team": "sre", "severity": "critical", "component": "mongodb"})
        == "sre/mongodb-critical"
    )
    assert amtool(config, {"alertname": "TheirOwn", "team": "sre", "severity": "critical"}) == "theirs"


@pytest.mark.parametrize("name", SETTINGS)
def test_a_receiver_is_called_unsupported_exactly_where_alertmanager_refuses_it(tmp_path: Path, name: str) -> None:
    catalogue = busy_clinic(version(), name)
    config = tmp_path / "alertmanager.yml"
    config.write_text(alertmanager_config(catalogue))
    (tmp_path / FILE).write_text(notification_templates(catalogue.environment))

    command = ["amtool", "check-config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode == 0) == (list(routes.unsupported(catalogue)) == []), done.stdout + done.stderr
