"""Which alert mutes which: read, rendered, and held against what alerts are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from monitor.catalogue.inhibiting import SLO_ALERTS
from monitor.catalogue.load import load
from monitor.catalogue.model import AlertGroup, AlertRule, Catalogue, Inhibition, Place
from monitor.check import findings
from monitor.check.inhibitions import unfit_inhibitions
from monitor.errors import CatalogueError
from monitor.render import carried
from monitor.render.alertmanager import alertmanager_config
from monitor.render.rules import all_alerts
from monitor.routing.config import read
from monitor.routing.walk import mutes, routes
from monitor.slo.alerts import alerts as slo_alerts
from tests.catalogue_files import ALERTS, SLO

HERE = Place(file="inhibitions.yaml", line=3)
OF_SLOS = 5
"""How many inhibitions follow from the SLOs; behind the catalogue's own come those of alerts of two severities."""


@pytest.fixture(scope="module")
def bundled() -> Catalogue:
    return load(None, "compose")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "checkout.yaml").write_text(SLO)
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "shop.yaml").write_text(ALERTS)
    return tmp_path


def test_the_alerts_of_every_slo_may_be_named_though_they_stand_in_no_file(bundled: Catalogue) -> None:
    assert tuple(rule.name for rule in slo_alerts(bundled.slos[0], bundled.environment)) == SLO_ALERTS


def test_entries_are_read_in_their_order_with_their_place(root: Path) -> None:
    (root / "inhibitions.yaml").write_text(
        "# Why.\n- source: [ShopDown]\n  target: [SLONoData]\n"
        "- {source: [SLONoData], target: [ErrorBudgetExhausted], equal: [slo]}\n"
    )

    assert load(root, "local").inhibitions == (
        Inhibition(source=("ShopDown",), target=("SLONoData",), place=Place(file="inhibitions.yaml", line=2)),
        Inhibition(
            source=("SLONoData",),
            target=("ErrorBudgetExhausted",),
            equal=("slo",),
            place=Place(file="inhibitions.yaml", line=4),
        ),
    )


def test_a_catalogue_without_the_file_is_valid(root: Path) -> None:
    assert load(root, "local").inhibitions == ()


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("source: [ShopDown]\n", [(1, "", "wrong-type")]),
        ("- {source: [ShopGone], target: [SLONoData]}\n", [(1, "[0].source[0]", "reference")]),
        ("- {source: [ShopDown],\n   target: [ShopDown]}\n", [(2, "[0].target[0]", "self-inhibition")]),
        ("- {source: [], target: [SLONoData]}\n", [(1, "[0].source", "wrong-value")]),
        ("- {source: [ShopDown]}\n- 7\n", [(1, "[0].target", "missing-field"), (2, "[1]", "wrong-type")]),
        ("- {source: [ShopDown], target: [SLONoData], equal: [a-b]}\n", [(1, "[0].equal[0]", "wrong-name")]),
        ("- {source: [ShopDown], target: [SLONoData], equall: [slo]}\n", [(1, "[0].equall", "unknown-field")]),
        (
            "- {source: [ShopDown], target: [ShopOther], slos: [a]}\n",
            [(1, "[0].slos", "wrong-value"), (1, "[0].target[0]", "reference")],
        ),
        (
            "- {source: [ShopDown], target: [SLONoData], slos: [a b, c, c]}\n",
            [(1, "[0].slos[0]", "wrong-name"), (1, "[0].slos[2]", "duplicate")],
        ),
        ("- {source: ShopDown, target: [SLONoData]}\n", [(1, "[0].source", "wrong-type")]),
        ("- {source: [ShopDown, ShopDown], target: [SLONoData]}\n", [(1, "[0].source[1]", "duplicate")]),
    ],
)
def test_what_cannot_be_meant_is_a_fault_at_its_field(
    root: Path, text: str, faults: Sequence[tuple[int, str, str]]
) -> None:
    (root / "inhibitions.yaml").write_text(text)

    with pytest.raises(CatalogueError) as caught:
        load(root, "local")

    assert [(fault.line, fault.path, fault.code) for fault in caught.value.faults] == faults


def test_where_alerts_cannot_be_read_nobody_is_told_that_they_do_not_exist(root: Path) -> None:
    (root / "alerts" / "shop.yaml").write_text(ALERTS.replace("expr: up == 0", "expr: up =="))
    (root / "inhibitions.yaml").write_text("- {source: [ShopOther], target: [SLONoData]}\n")

    with pytest.raises(CatalogueError) as caught:
        load(root, "local")

    assert [fault.code for fault in caught.value.faults] == ["promql"]


def test_entries_are_rendered_after_those_of_the_slos(bundled: Catalogue) -> None:
    mine = Inhibition(source=("RedisDown",), target=("JobOverdue", "BackupTooOld"), equal=("team",), place=HERE)

    config = yaml.safe_load(alertmanager_config(replace(bundled, inhibitions=(mine,))))

    assert [rule["source_matchers"] for rule in config["inhibit_rules"][:OF_SLOS]] == [
        ['alertname="ErrorBudgetBurnFast"'],
        ['alertname="ErrorBudgetBurnMedium"'],
        ['alertname="ErrorBudgetBurnSlow"'],
        ['alertname="ErrorBudgetExhausted"'],
        ['alertname="ErrorBudgetLow"'],
    ]
    assert config["inhibit_rules"][OF_SLOS : OF_SLOS + 1] == [
        {
            "source_matchers": ['alertname="RedisDown"'],
            "target_matchers": ['alertname=~"JobOverdue|BackupTooOld"'],
            "equal": ["drill", "environment", "team"],
        }
    ]


def found(catalogue: Catalogue, *entries: Inhibition) -> list[tuple[str, str]]:
    asked = replace(catalogue, inhibitions=entries)
    return [(each.code, each.message) for each in unfit_inhibitions(asked, all_alerts(asked))]


def entry(source: str, target: str, *equal: str) -> Inhibition:
    return Inhibition(source=tuple(source.split()), target=tuple(target.split()), equal=equal, place=HERE)


def test_the_bundled_inhibitions_are_sound(bundled: Catalogue) -> None:
    assert len(bundled.inhibitions) >= 3
    assert list(unfit_inhibitions(bundled, all_alerts(bundled))) == []


def test_an_entry_that_mutes_the_louder_is_found_with_its_place(bundled: Catalogue) -> None:
    planted = replace(bundled, inhibitions=(entry("RedisDown", "MongoNoPrimary"),))

    (told,) = [each for each in findings(planted) if each.file == "inhibitions.yaml"]
    assert (told.line, told.code) == (3, "milder-source")
    assert told.message == (
        "RedisDown (warning, ticket) would mute MongoNoPrimary (critical, now), which is more urgent"
    )


def test_what_waits_for_working_hours_may_not_mute_what_wakes(bundled: Catalogue) -> None:
    labels = {"severity": "critical", "urgency": "working-hours"}
    waits = AlertRule(name="Waits", expr="up == 0", labels=labels, place=HERE)
    catalogue = replace(bundled, alerts=(*bundled.alerts, AlertGroup(name="mine", rules=(waits,))))

    assert [code for code, _ in found(catalogue, entry("Waits", "MongoNoPrimary"))] == ["milder-source"]
    assert found(catalogue, entry("MongoNoPrimary", "Waits")) == []
    assert found(catalogue, entry("Waits", "RedisDown")) == []


def test_only_what_is_as_urgent_mutes_where_severity_must_be_equal(bundled: Catalogue) -> None:
    """Some SLOs page and some make tickets, by alerts of one name."""
    assert [code for code, _ in found(bundled, entry("ErrorBudgetBurnFast", "MongoNoPrimary"))] == ["milder-source"]
    assert found(bundled, entry("ErrorBudgetBurnFast", "MongoNoPrimary", "severity")) == []


def test_what_fails_in_one_environment_mutes_nothing_in_another(bundled: Catalogue) -> None:
    """One Alertmanager may serve several, and Prometheus adds to each alert whose it is."""
    config = read(alertmanager_config(bundled), "alertmanager.yml")
    gone, burning = {"alertname": "EdgeHasNoBackend"}, {"alertname": "ErrorBudgetBurnFast"}
    here, there = {"environment": "trial"}, {"environment": "clinic"}

    def muted(source: dict[str, str], target: dict[str, str]) -> bool:
        return any(mutes(rule, source, target) for rule in config.inhibit_rules)

    assert muted(gone | here, burning | here)
    assert muted(gone, burning)
    assert not muted(gone | here, burning | there)
    assert all("environment" in rule.equal for rule in config.inhibit_rules)
    # Nor are they one incident: whoever has taken the one would not hear of the other. And a Watchdog that goes on
    # would be sent in one notification with the one that stopped.
    assert all("environment" in route.group_by for route in routes(config.route))


def test_what_burns_for_another_reason_mutes_nothing_and_is_not_muted(bundled: Catalogue) -> None:
    """Backups that stand still say nothing about bookings, and an edge that is down nothing about another's budget."""
    config = read(alertmanager_config(bundled), "alertmanager.yml")

    def muted(source: dict[str, str], target: dict[str, str]) -> bool:
        return any(mutes(rule, source, target) for rule in config.inhibit_rules)

    def burning(slo: str) -> dict[str, str]:
        return {"alertname": "ErrorBudgetBurnFast", "slo": slo, "severity": "critical", "team": "sre"}

    journey, edge = (
        {"alertname": name, "severity": "critical"} for name in ("BookingJourneyFailed", "EdgeHasNoBackend")
    )
    assert muted(burning("booking-success"), journey)
    assert muted(edge, burning("availability"))
    for stranger in ("recovery-point-age", "billing"):
        assert not muted(burning(stranger), journey)
        assert not muted(edge, burning(stranger))
    assert muted({"alertname": "RecoveryPointTooOld"}, burning("recovery-point-age"))
    assert not muted({"alertname": "RecoveryPointTooOld"}, burning("availability"))


def test_an_entry_that_names_an_slo_that_is_not_there_is_found(bundled: Catalogue) -> None:
    mine = replace(entry("EdgeHasNoBackend", "ErrorBudgetBurnFast"), slos=("availability", "availibility"))
    assert [code for code, _ in found(bundled, mine)] == ["unknown-slo"]


def test_an_entry_may_mean_the_alerts_of_some_slos_alone(bundled: Catalogue) -> None:
    """Those that only make tickets mute no page; of those that page nothing is said."""
    tickets = replace(entry("ErrorBudgetBurnFast", "MongoNoPrimary"), slos=("page-load",))
    pages = replace(entry("ErrorBudgetBurnFast", "MongoNoPrimary"), slos=("availability",))
    assert [code for code, _ in found(bundled, tickets)] == ["milder-source"]
    assert found(bundled, pages) == []


def test_an_alert_about_a_drill_is_no_rehearsal(bundled: Catalogue) -> None:
    expr = "max by (drill) (dr_drill_success) == 0"
    rule = AlertRule(name="DrillFailed", expr=expr, labels={"severity": "warning"}, place=HERE)
    catalogue = replace(bundled, alerts=(*bundled.alerts, AlertGroup(name="mine", rules=(rule,))))
    entries = (entry("RecoveryPointTooOld", "DrillFailed"), entry("DrillFailed", "JobOverdue", "drill"))

    config = yaml.safe_load(alertmanager_config(replace(catalogue, inhibitions=entries)))

    assert config["inhibit_rules"][OF_SLOS : OF_SLOS + 2] == [
        {
            "source_matchers": ['alertname="RecoveryPointTooOld"', 'drill!="true"'],
            "target_matchers": ['alertname="DrillFailed"'],
            "equal": ["environment"],
        },
        {
            "source_matchers": ['alertname="DrillFailed"', 'drill!="true"'],
            "target_matchers": ['alertname="JobOverdue"'],
            "equal": ["environment", "drill"],
        },
    ]


def test_a_label_that_both_sides_lack_mutes_strangers_and_is_found(bundled: Catalogue) -> None:
    told = found(bundled, entry("MongoNoPrimary", "MongoRedundancyLost", "name"))

    assert [code for code, _ in told] == ["empty-equal", "empty-equal"]
    assert "takes it for equal and mutes strangers" in told[0][1]
    assert found(bundled, entry("MongoNoPrimary", "MongoRedundancyLost", "environment")) == [], "Prometheus adds it"


def test_a_label_that_one_side_never_has_mutes_nothing_and_is_found(bundled: Catalogue) -> None:
    (one,) = found(bundled, entry("EdgeHasNoBackend", "TargetMissing", "team", "job"))

    assert one[1].endswith("so nothing is muted")
    assert "EdgeHasNoBackend does not carry the label job" in one[1]
    assert found(bundled, entry("EdgeHasNoBackend", "TargetMissing", "team", "component")) == []


def test_a_label_that_both_sides_may_lack_is_found(bundled: Catalogue) -> None:
    rule = AlertRule(name="Mine", expr="up == 0 or absent(up)", labels={"severity": "warning"}, place=HERE)
    catalogue = replace(bundled, alerts=(*bundled.alerts, AlertGroup(name="mine", rules=(rule,))))
    told = found(catalogue, entry("Mine", "TargetMissing", "instance"))

    assert any("TargetMissing does not always carry the label instance" in message for _, message in told)
    assert all("mutes strangers" in message for _, message in told)


def test_a_label_that_only_one_side_may_lack_is_sound(bundled: Catalogue) -> None:
    rule = AlertRule(name="Mine", expr="up == 0", labels={"severity": "critical"}, place=HERE)
    catalogue = replace(bundled, alerts=(*bundled.alerts, AlertGroup(name="mine", rules=(rule,))))

    assert found(catalogue, entry("Mine", "TargetMissing", "instance")) == []


def test_alerts_that_mute_each_other_are_found(bundled: Catalogue) -> None:
    told = found(
        bundled,
        entry("EdgeHasNoBackend", "EdgeProbeFailed"),
        entry("EdgeProbeFailed", "ErrorBudgetBurnFast"),
        entry("ErrorBudgetBurnMedium", "EdgeHasNoBackend"),
    )

    assert [code for code, _ in told if code != "milder-source"] == ["inhibition-circle"] * 3


def test_nothing_may_mute_the_watchdog(bundled: Catalogue) -> None:
    assert [code for code, _ in found(bundled, entry("MongoNoPrimary", "Watchdog"))] == ["muted-watchdog"]


@pytest.mark.parametrize(
    ("expr", "always", "possible"),
    [
        ("vector(1)", "", ""),
        ("mongodb_up", "job instance member", "job instance member"),
        ("max by (member, nothing) (mongodb_up)", "member", "member"),
        ("max without (member, job) (mongodb_up)", "instance", "instance"),
        ("max(mongodb_up) == 0", "", ""),
        ("topk(3, mongodb_up) > 2", "job instance member", "job instance member"),
        ('absent(mongodb_up{member="m1",job=~"x|y"})', "member", "member"),
        ("mongodb_up == 0 or up == 0", "job instance", "job instance member"),
        ("up == 0 unless on (job) mongodb_up", "job instance", "job instance"),
        ("up / on (job) mongodb_up", "job", "job"),
        ("up / ignoring (job) mongodb_up", "instance", "instance"),
        ("up * on (job) group_left (member) mongodb_up", "job instance member", "job instance member"),
        ("time() - max by (job) (up)", "job", "job"),
        ('label_replace(up, "zone", "$1", "job", "(.*)")', "job instance", "job instance zone"),
        ('count_values("v", up)', "v", "v"),
        ("max_over_time(up[5m]) == 0", "job instance", "job instance"),
        ("slo:sli:ratio < 0.9", "slo slo_service window", "slo slo_service window"),
    ],
)
def test_the_labels_of_an_alert_are_known_from_its_expression(
    bundled: Catalogue, expr: str, always: str, possible: str
) -> None:
    rule = AlertRule(name="Mine", expr=expr, labels={"severity": "warning"}, place=HERE)

    labels = carried.of_alert(rule, carried.declared(bundled))

    own = {"alertname", "severity"}
    assert labels.always == own | set(always.split())
    assert labels.possible == frozenset(own | set(possible.split()))


def test_a_metric_that_nobody_declares_may_carry_anything(bundled: Catalogue) -> None:
    rule = AlertRule(name="Mine", expr='nobody_knows{a="b"}', labels={"x": "{{ $labels.y }}"}, place=HERE)

    labels = carried.of_alert(rule, carried.declared(bundled))

    assert labels.always == {"alertname", "a"}
    assert labels.possible is None
