"""Catalogues as they are written: every fault of every file at once, with its file, line and field."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.catalogue.load import BUNDLED, load
from monitor.catalogue.model import RatioSli
from monitor.errors import CatalogueError
from tests.catalogue_files import ALERTS, SLO, codes, lay_out


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return lay_out(tmp_path)


def test_the_bundled_catalogue_loads_for_each_of_its_environments() -> None:
    for environment in ("local", "compose"):
        catalogue = load(None, environment)
        assert [slo.name for slo in catalogue.slos] == [
            "alert-path",
            "api-latency",
            "api-mean-latency",
            "availability",
            "availability-sla",
            "backup-age",
            "booking-success",
            "database-latency",
            "failover",
            "page-load",
            "recovery-point-age",
            "restore-test-age",
            "restore-time",
        ]
        assert catalogue.slo("availability").target == Decimal("0.9995")  # type: ignore[union-attr]  # listed above
        assert catalogue.recovery is not None
        assert catalogue.recovery.rpo == timedelta(hours=1)


def test_a_catalogue_with_only_slos_is_valid(root: Path) -> None:
    catalogue = load(root, "local")

    (slo,) = catalogue.slos
    assert slo.sli == RatioSli(
        bad="sum(shop_failures_total)", total='sum(shop_requests_total) + sum(shop_calls_total{kind="x"})'
    )
    assert (slo.window.text, slo.target, slo.service) == ("28d", Decimal("0.99"), "shop")
    assert catalogue.alerts == ()


def test_all_that_is_wrong_with_one_slo_is_told_at_once(root: Path) -> None:
    broken = SLO.replace("target: 0.99", "target: 99").replace("28d", "28x").replace("Occurrences", "Sometimes")
    (root / "slos" / "checkout.yaml").write_text(broken)

    assert [path for _, _, path in codes(root)] == [
        "spec.budgetingMethod",
        "spec.timeWindow[0].duration",
        "spec.objectives[0].target",
    ]


def test_a_field_of_the_wrong_type_in_an_slo_does_not_hide_what_is_wrong_with_its_others(root: Path) -> None:
    broken = SLO.replace("target: 0.99", "target: 99").replace("28d", "28x").replace("service: shop", "service: 7")
    (root / "slos" / "checkout.yaml").write_text(broken)

    assert [path for _, _, path in codes(root)] == [
        "spec.service",
        "spec.timeWindow[0].duration",
        "spec.objectives[0].target",
    ]


def test_a_running_stack_lays_its_addresses_over_the_environment(root: Path) -> None:
    overrides = {"targets": {"app": ["app-1=127.0.0.1:9"]}, "console_url": "http://127.0.0.1:1"}

    environment = load(root, "local", environment_overrides=overrides).environment

    assert environment.targets == {"app": ("app-1=127.0.0.1:9",)}
    assert environment.console_url == "http://127.0.0.1:1"


def test_every_fault_of_every_file_is_told_once_with_line_and_field(root: Path) -> None:
    (root / "slos" / "checkout.yaml").write_text(
        SLO.replace("target: 0.99", "target: 99").replace("  service: shop\n", "  service: shop\n  colour: red\n")
    )
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(
        "groups:\n  - name: a\n    rules:\n      - alert: lowercase\n        expr: sum(\n        labels:\n"
        "          severity: loud\n        annotations:\n          impact: i\n          runbook_url: wiki\n"
    )
    (root / "recovery.yaml").write_text("rpo: 1 hour\nrto: 4h\nkeep_full: 1.9\n")
    (root / "contacts.yaml").write_text("teams:\n  - name: sre\n    critical: [pager]\n    warning: []\n")

    assert codes(root) == [
        ("alerts/a.yaml", 4, "groups[0].rules[0].alert"),
        ("alerts/a.yaml", 5, "groups[0].rules[0].expr"),
        ("alerts/a.yaml", 7, "groups[0].rules[0].labels.severity"),
        ("alerts/a.yaml", 8, "groups[0].rules[0].annotations.summary"),
        ("alerts/a.yaml", 10, "groups[0].rules[0].annotations.runbook_url"),
        ("contacts.yaml", 3, "teams[0].critical[0]"),
        ("recovery.yaml", 1, "full_backup_every"),
        ("recovery.yaml", 1, "rpo"),
        ("recovery.yaml", 1, "time_zone"),
        ("recovery.yaml", 1, "verify_every"),
        ("recovery.yaml", 3, "keep_full"),
        ("slos/checkout.yaml", 7, "spec.colour"),
        ("slos/checkout.yaml", 13, "spec.objectives[0].target"),
    ]


def test_the_message_says_file_line_field_and_what_would_be_right(root: Path) -> None:
    (root / "slos" / "checkout.yaml").write_text(SLO.replace("target: 0.99", "target: 99"))

    with pytest.raises(CatalogueError) as caught:
        load(root, "local")

    assert str(caught.value) == (
        "slos/checkout.yaml:12: spec.objectives[0].target: "
        "must be at least 0 and below 1, not 99: an objective of 1 has no budget"
    )


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("apiVersion: openslo/v1", "apiVersion: openslo/v2", "apiVersion"),
        ("kind: SLO", "kind: Slo", "kind"),
        ("name: checkout\nspec", "name: Check Out\nspec", "metadata.name"),
        ("duration: 28d", "duration: 28 days", "spec.timeWindow[0].duration"),
        ("isRolling: true", "isRolling: false", "spec.timeWindow[0]"),
        ("28d", "99999999999999999999d", "spec.timeWindow[0].duration"),
        ("28d", "99999Y", "spec.timeWindow[0].duration"),
        ("28d", "0d", "spec.timeWindow[0].duration"),
        ("28d", "59m", "spec.timeWindow[0].duration"),
        ("service: shop", "service: 'my \"svc\"'", "spec.service"),
        ("name: checkout\nspec", "name: checkout\n  labels: {team: [a, b]}\nspec", "metadata.labels.team"),
        ("name: checkout\nspec", "name: checkout\n  labels: {team: '{{ x'}\nspec", "metadata.labels.team"),
        ("budgetingMethod: Occurrences", "budgetingMethod: Timeslices", "spec.objectives[0].timeSliceTarget"),
        ("budgetingMethod: Occurrences", "budgetingMethod: Sometimes", "spec.budgetingMethod"),
        ("target: 0.99", 'target: "0.99"', "spec.objectives[0].target"),
        ("target: 0.99", "target: 0.99\n      targetPercent: 99", "spec.objectives[0]"),
        ("target: 0.99", "target: 0.99\n    - target: 9", "spec.objectives[1].target"),
        ("target: 0.99", "target: 0.99\n      indicatorRef: other", "spec.objectives"),
        ("28d", "0w", "spec.timeWindow[0].duration"),
        ("timeWindow:", "timeWindows:", "spec.timeWindow"),
        ("counter: true", "counter: false", "spec.indicator.spec.ratioMetric.counter"),
        ("        bad:", "        worse:", "spec.indicator.spec.ratioMetric"),
        ("sum(shop_failures_total)", "rate(shop_failures_total[5m])", "metricSource.spec.query"),
        ("sum(shop_failures_total)", "sum(shop_failures_total", "metricSource.spec.query"),
        ("sum(shop_failures_total)", "sum(shop_failures_total offset 1h)", "metricSource.spec.query"),
        ("              query: sum(shop_failures_total)", "              sql: x", "metricSource.spec"),
        (
            "          metricSource:\n            spec",
            "          metricSource:\n            metricSourceRef: x\n            spec",
            "metricSource.metricSourceRef",
        ),
    ],
)
def test_an_slo_that_cannot_be_meant_is_refused_at_its_field(root: Path, old: str, new: str, place: str) -> None:
    assert old in SLO
    (root / "slos" / "checkout.yaml").write_text(SLO.replace(old, new, 1))

    found = codes(root)

    assert all(line > 0 for _, line, _ in found)
    assert any(place in path for _, _, path in found)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("key", ["a" * 100, "a.", "a]", "a[b", "[", "."])
def test_a_key_that_looks_like_a_path_or_is_none_has_its_line(root: Path, key: str) -> None:
    (root / "slos" / "checkout.yaml").write_text(SLO.replace("  service: shop\n", f"  service: shop\n  '{key}': 1\n"))

    ((_, line, path),) = codes(root)

    assert path.startswith(f"spec.{key[:57]}")
    assert line in {5, 6, 7}


def test_an_indicator_may_stand_apart_and_must_then_exist(root: Path) -> None:
    head, indicator = SLO.split("  indicator:\n")
    sli = "---\napiVersion: openslo/v1\nkind: SLI\n" + "".join(f"{line[4:]}\n" for line in indicator.splitlines())
    (root / "slos" / "checkout.yaml").write_text(f"{head}  indicatorRef: checkout\n{sli}")
    assert load(root, "local").slos[0].name == "checkout"

    (root / "slos" / "checkout.yaml").write_text(f"{head}  indicatorRef: other\n{sli}")
    assert codes(root) == [("slos/checkout.yaml", 13, "spec.indicatorRef")]


def test_the_same_slo_in_two_files_is_told_with_both_places(root: Path) -> None:
    (root / "slos" / "again.yaml").write_text(SLO)

    with pytest.raises(CatalogueError, match=r"slos/checkout.yaml:4.*already given in slos/again.yaml"):
        load(root, "local")


@pytest.mark.parametrize(
    ("spoil", "file"),
    [
        (lambda root: (root / "slos" / "x.yaml").mkdir(), "slos/x.yaml"),
        (lambda root: (root / "slos" / "x.yaml").write_bytes(b"\xff"), "slos/x.yaml"),
        (lambda root: (root / "recovery.yaml").write_text(""), "recovery.yaml"),
        (lambda root: (root / "recovery.yaml").write_text("- 1\n"), "recovery.yaml"),
        (lambda root: (root / "recovery.yml").write_text("a: 1\n"), "recovery.yml"),
        (lambda root: shutil.rmtree(root / "slos"), ""),
        # Waiting for a pipe, or for the end of /dev/zero, would take for ever.
        (lambda root: os.mkfifo(root / "slos" / "pipe.yaml"), "slos/pipe.yaml"),
        (lambda root: os.mkfifo(root / "recovery.yaml"), "recovery.yaml"),
        (lambda root: (root / "slos" / "zero.yaml").symlink_to("/dev/zero"), "slos/zero.yaml"),
        (lambda root: (root / "recovery.yaml").symlink_to("nowhere"), "recovery.yaml"),
    ],
)
def test_hostile_files_are_one_clear_fault_each(root: Path, spoil: Callable[[Path], None], file: str) -> None:
    spoil(root)

    ((where, _, _),) = codes(root)

    assert where == (file or str(root))


def test_an_unknown_environment_names_those_that_exist() -> None:
    with pytest.raises(CatalogueError, match=r"environments/mars.yaml: .*known: compose, local"):
        load(None, "mars")


@pytest.mark.parametrize("name", ["e" * 300, "../local", "a/b", "", "local\0", "-v"])
def test_an_environment_whose_name_can_be_no_file_is_refused(root: Path, name: str) -> None:
    with pytest.raises(CatalogueError, match="an environment's name must be letters"):
        load(root, name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("erasure_notes", "erasures"),
        ("erasure_subjects", "a b.c"),
        ("erasure_subjects", ".patients"),
        ("application_check", "python -m app check"),
        ("application_erase", "[python, 1]"),
    ],
)
def test_what_the_application_is_asked_is_written_as_it_should(root: Path, field: str, value: str) -> None:
    recovery = (BUNDLED / "recovery.yaml").read_text()
    (root / "recovery.yaml").write_text(re.sub(rf"(?m)^{field}: .*", f"{field}: {value}", recovery))
    with pytest.raises(CatalogueError) as error:
        load(root, "local")
    (fault,) = error.value.faults
    assert (fault.file, fault.path.partition("[")[0]) == ("recovery.yaml", field)


@pytest.mark.parametrize("field", ["rpo", "rto", "full_backup_every", "verify_every"])
@pytest.mark.parametrize("span", ["99999999999999999999d", f"{'9' * 5000}s", "36501d", "\N{ARABIC-INDIC DIGIT THREE}d"])
def test_a_span_beyond_reason_is_a_fault_at_its_field(root: Path, field: str, span: str) -> None:
    recovery = (BUNDLED / "recovery.yaml").read_text()
    (root / "recovery.yaml").write_text(re.sub(rf"(?m)^{field}: .*", f"{field}: {span}", recovery))

    ((file, _, path),) = codes(root)

    assert (file, path) == ("recovery.yaml", field)


def test_a_number_too_long_to_mean_the_same_to_everybody_is_one_fault(root: Path) -> None:
    recovery = (BUNDLED / "recovery.yaml").read_text()
    (root / "recovery.yaml").write_text(re.sub(r"keep_full: .*", f"keep_full: {'9' * 5000}", recovery))

    with pytest.raises(CatalogueError) as caught:
        load(root, "local")

    (fault,) = caught.value.faults
    assert (fault.path, fault.code) == ("keep_full", "ambiguous")
    assert len(str(fault)) < 200


def test_the_bundled_catalogue_can_be_copied_and_loaded_as_a_users_own(tmp_path: Path) -> None:
    for name in ("slos", "alerts", "environments"):
        shutil.copytree(BUNDLED / name, tmp_path / name)

    assert load(tmp_path, "local").slos == load(None, "local").slos


def test_a_missing_environment_does_not_hide_what_else_is_wrong(root: Path) -> None:
    (root / "recovery.yaml").write_text("rpo: 1h\nrto: 4h\nfull_backup_every: 0s\nverify_every: 6h\n")
    (root / "contacts.yaml").write_text("teams:\n  - name: sre\n    critical: [pager]\n    warning: []\n")
    (root / "drills.yaml").write_text("drills:\n  - name: x\n    title: X\n    breaking: maybe\n")
    (root / "metrics").mkdir()
    (root / "metrics" / "mine.json").write_text("{")
    (root / "alerts").mkdir()
    (root / "alerts" / "mine.test.yaml").write_text("tests: []\ntests: []\n")

    with pytest.raises(CatalogueError) as caught:
        load(root, "mars")

    assert [(fault.file, fault.path) for fault in caught.value.faults] == [
        ("alerts/mine.test.yaml", "tests"),
        ("contacts.yaml", "teams[0].critical[0]"),
        ("drills.yaml", "drills[0].breaking"),
        ("environments/mars.yaml", ""),
        ("metrics/mine.json", ""),
        ("recovery.yaml", "keep_full"),
        ("recovery.yaml", "time_zone"),
        ("recovery.yaml", "full_backup_every"),
    ]


def test_a_field_of_the_wrong_type_does_not_hide_what_is_wrong_with_the_others(root: Path) -> None:
    (root / "recovery.yaml").write_text(
        "rpo: no\nrto: 4\nfull_backup_every: 0s\nverify_every: 6h\nkeep_full: 0\ntime_zone: Mars/Here\nfoo: 1\n"
    )
    (root / "environments").mkdir()
    (root / "environments" / "local.yaml").write_text(
        (BUNDLED / "environments" / "local.yaml")
        .read_text()
        .replace("armed: true", "armed: yes")
        .replace("console_url: http://", "console_url: ")
        .replace("scrape_interval: 5s", "scrape_interval: 0s")
    )
    (root / "contacts.yaml").write_text(
        "teams:\n  - {name: 1, critical: pager, warning: [nobody]}\nreceivers:\n"
        "  - {name: pager, kind: horn, settings: []}\n"
    )

    with pytest.raises(CatalogueError) as caught:
        load(root, "local")

    assert [(fault.file, fault.path, fault.code) for fault in caught.value.faults] == [
        ("contacts.yaml", "teams[0].critical", "wrong-type"),
        ("contacts.yaml", "teams[0].name", "wrong-type"),
        ("contacts.yaml", "teams[0].warning[0]", "reference"),
        ("contacts.yaml", "receivers[0].kind", "wrong-value"),
        ("contacts.yaml", "receivers[0].settings", "wrong-type"),
        ("environments/local.yaml", "console_url", "wrong-value"),
        ("environments/local.yaml", "scrape_interval", "wrong-value"),
        ("environments/local.yaml", "armed", "ambiguous"),
        ("recovery.yaml", "rpo", "ambiguous"),
        ("recovery.yaml", "rto", "wrong-type"),
        ("recovery.yaml", "full_backup_every", "wrong-value"),
        ("recovery.yaml", "keep_full", "wrong-value"),
        ("recovery.yaml", "time_zone", "wrong-value"),
        ("recovery.yaml", "foo", "unknown-field"),
    ]


def test_a_drill_may_only_expect_an_alert_that_exists(root: Path) -> None:
    shutil.copytree(BUNDLED / "alerts", root / "alerts")
    plan = "drills:\n  - name: x\n    title: X\n    breaking: true\n    expect_alert: {}\n"
    (root / "drills.yaml").write_text(plan.format("MongoRedundancyLost"))
    assert load(root, "local").drills[0].expect_alert == "MongoRedundancyLost"

    (root / "drills.yaml").write_text(plan.format("MongoRedundancyGone"))
    assert codes(root) == [("drills.yaml", 5, "drills[0].expect_alert")]


def test_names_that_no_file_can_bear_are_refused_wherever_files_are_named_after_them(root: Path) -> None:
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(ALERTS.replace("ShopDown", "S" * 300))
    (root / "alerts" / "a b.test.yaml").write_text("tests: []\n")
    (root / "drills.yaml").write_text("drills:\n  - {name: ../x, title: X, breaking: true}\n")
    (root / "slos" / "checkout.yaml").write_text(SLO.replace("name: checkout", "name: a/../b", 1))

    assert codes(root) == [
        ("alerts/a b.test.yaml", 1, ""),
        ("alerts/a.yaml", 4, "groups[0].rules[0].alert"),
        ("drills.yaml", 2, "drills[0].name"),
        ("slos/checkout.yaml", 4, "metadata.name"),
    ]


def test_an_slo_may_not_be_called_as_the_alerts_of_another(root: Path) -> None:
    # Both would be written to slo-checkout-alerts.yml, and one would be lost.
    (root / "slos" / "other.yaml").write_text(SLO.replace("name: checkout", "name: checkout-alerts", 1))

    assert codes(root) == [("slos/other.yaml", 4, "metadata.name")]


@pytest.mark.parametrize(("written", "text"), [("24h", "1d"), ("1M", "30d"), ("4w", "28d"), ("90m", "1h30m")])
def test_a_window_has_one_name_however_it_is_written(root: Path, written: str, text: str) -> None:
    (root / "slos" / "checkout.yaml").write_text(SLO.replace("28d", written))

    assert load(root, "local").slos[0].window.text == text


@pytest.mark.parametrize(
    "schedule",
    [
        "99 99 * * *",
        "0 3 * *",
        "0 0 31 2 *",
        "0 0 30 2,2 *",
        "5/2 * * * *",
        "0 3 * * 0-6",
        "0 3 * * mon/2",
        "0 3 1- * *",
    ],
)
def test_a_drills_schedule_that_never_comes_round_is_refused(root: Path, schedule: str) -> None:
    (root / "drills.yaml").write_text(
        f'drills:\n  - name: x\n    title: X\n    breaking: true\n    schedule: "{schedule}"\n'
    )

    assert codes(root) == [("drills.yaml", 5, "drills[0].schedule")]


@pytest.mark.parametrize("url", ["http://", "https://a b", "http://x/{{ y", 'http://x/"', "monitor:9500"])
def test_an_address_that_links_cannot_be_made_of_is_refused(root: Path, url: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        load(root, "local", environment_overrides={"console_url": url})

    assert [fault.path for fault in caught.value.faults] == ["console_url"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("alert/a.yaml", "call it alerts"),
        ("SLO/a.yaml", "call it slos"),
        ("alerts/team/a.yaml", "move it to alerts/"),
        ("alerts/team/a.yml", "call it .yaml"),
        ("alerts.yaml", "alerts to alerts/"),
    ],
)
def test_what_lies_where_nothing_is_read_is_told(root: Path, path: str, said: str) -> None:
    (root / path).parent.mkdir(exist_ok=True, parents=True)
    (root / path).write_text("groups: []\n")

    with pytest.raises(CatalogueError) as caught:
        load(root, "local")

    (fault,) = caught.value.faults
    assert fault.code == "unknown-file"
    assert path.startswith(fault.file)
    assert said in fault.message


def test_other_folders_beside_the_catalogues_are_nobodys_business(root: Path) -> None:
    for name in ("runbooks", "dashboards", "rules", ".git", "docs"):
        (root / name).mkdir()
        (root / name / "a.yaml").write_text("x: 1\n")

    load(root, "local")


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("name: local", "name: compose", "name"),
        ('prometheus_version: "2.42"', "prometheus_version: latest", "prometheus_version"),
        ('alertmanager_version: "0.25"', "alertmanager_version: v0.25", "alertmanager_version"),
    ],
)
def test_an_environment_that_is_called_otherwise_or_names_no_version_is_refused(
    root: Path, old: str, new: str, path: str
) -> None:
    (root / "environments").mkdir()
    text = (BUNDLED / "environments" / "local.yaml").read_text()
    assert old in text
    (root / "environments" / "local.yaml").write_text(text.replace(old, new))

    ((where, line, field),) = codes(root)

    assert (where, field) == ("environments/local.yaml", path)
    assert line


def test_a_version_may_be_as_a_distribution_writes_it(root: Path) -> None:
    load(root, "local", environment_overrides={"prometheus_version": "2.42.0+ds", "alertmanager_version": "0.25.0"})


def test_a_metrics_name_is_one_that_prometheus_takes(root: Path) -> None:
    (root / "metrics").mkdir()
    declared = '{"producer": "shop", "metrics": [{"name": "shop requests", "type": "counter", "help": "h"}]}'
    (root / "metrics" / "shop.json").write_text(declared)

    assert codes(root) == [("metrics/shop.json", 0, "metrics[0].name")]


def test_alerts_that_cannot_be_read_are_not_missed_elsewhere(root: Path) -> None:
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text("groups:\n\t- name: x\n")
    (root / "inhibitions.yaml").write_text("- source: [ShopDown]\n  target: [ShopSlow]\n")

    assert [file for file, _, _ in codes(root)] == ["alerts/a.yaml"]
