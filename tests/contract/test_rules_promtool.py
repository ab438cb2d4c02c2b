"""The committed rules, tests and routes, held against the real binaries; and the tests against broken rules."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from monitor.catalogue import templates
from monitor.catalogue.load import BUNDLED, load
from monitor.catalogue.model import Catalogue, Severity
from monitor.render import kubernetes, outputs, scrape_config
from monitor.render.rules import all_alerts
from monitor.render.yaml_text import Value, document
from tests.rules_at import alert_tests_at

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"


def run(command: Sequence[str | Path], *, within_s: float = 170) -> subprocess.CompletedProcess[str]:
    assert shutil.which(str(command[0])), f"{command[0]} is not installed: make install"
    return subprocess.run(command, capture_output=True, text=True, timeout=within_s, check=False)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the embedded stack would be given."""
    directory = tmp_path_factory.mktemp("local")
    catalogue = load(None, "local")
    for path, text in outputs(catalogue).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    config = scrape_config(catalogue.environment, [str(directory / "rules" / "prometheus" / "*.yml")])
    (directory / "prometheus.yml").write_text(config)
    return directory


def test_prometheus_accepts_the_committed_rules() -> None:
    done = run(["promtool", "check", "rules", *sorted((RULES / "prometheus").glob("*.yml"))])

    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(400)
def test_the_committed_rules_pass_their_own_tests() -> None:
    """Every alert's but those about days, and all of one SLO's: ``make check-rules``, and CI with it, runs all."""
    days = {"alerts-recovery.yml", "alerts-overdue.yml"}
    found = (RULES / "tests").glob("*.yml")
    tests = [path for path in found if path.name.startswith(("alerts-", "slo-availability")) and path.name not in days]
    done = run(["promtool", "test", "rules", *sorted(tests)], within_s=380)

    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_taken_out_of_the_operators_objects_are_accepted_and_pass_the_tests_of_the_files(tmp_path: Path) -> None:
    catalogue = load(None, "compose")
    files = outputs(catalogue)
    for text in kubernetes.objects(catalogue, files).values():
        found = yaml.load(text, yaml.CSafeLoader)
        if found["kind"] == "PrometheusRule":
            file = tmp_path / "prometheus" / f"{found['metadata']['name']}.yml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(yaml.safe_dump(found["spec"]))
    tests = tmp_path / "tests" / "availability.yml"
    tests.parent.mkdir()
    tests.write_text(files["rules/tests/slo-availability-alerts.yml"])
    for question, of in (("check", sorted((tmp_path / "prometheus").iterdir())), ("test", [tests])):
        done = run(["promtool", question, "rules", *of])
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_recorded_under_sloths_names_passes_its_tests(tmp_path: Path) -> None:
    files = outputs(load(None, "compose", environment_overrides={"sloth_names": True}))
    chosen = {path: text for path, text in files.items() if path.endswith(("availability-sloth.yml", "sla-sloth.yml"))}
    for path, text in chosen.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    done = run(["promtool", "test", "rules", *sorted((tmp_path / "rules" / "tests").iterdir())])

    assert len(chosen) == 4
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_what_the_embedded_stack_is_given(local: Path) -> None:
    done = run(["promtool", "check", "config", local / "prometheus.yml"])

    assert done.returncode == 0, done.stderr


def test_rules_pass_their_tests_at_the_embedded_stacks_intervals_too(local: Path) -> None:
    tests = local / "rules" / "tests"
    done = run(["promtool", "test", "rules", tests / "slo-availability.yml", tests / "slo-availability-alerts.yml"])

    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_pass_their_tests_where_each_minute_is_scraped(tmp_path: Path) -> None:
    """Those whose tests are short; ``make proof-rules`` has all, and 5 s and 30 s as well."""
    short = {"app", "bookings", "certificates", "edge", "exporters", "mongodb", "monitoring"}
    tests = [path for path in alert_tests_at(60, tmp_path) if path.stem.removeprefix("alerts-") in short]
    done = run(["promtool", "test", "rules", *tests])

    assert len(tests) == len(short)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_accepts_both_configurations(local: Path) -> None:
    for root in (ROOT, local):
        done = run(["amtool", "check-config", root / "rules" / "alertmanager.yml"])
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=Watchdog", "severity=none", "team=sre"), "watchdog"),
        (("alertname=EdgeHasNoBackend", "severity=critical", "team=sre"), "sre-critical"),
        (("alertname=RedisDown", "severity=warning", "team=sre"), "sre-warning"),
        (("alertname=Stranger", "severity=info"), "console"),
    ],
)
def test_alertmanager_routes_as_promised(labels: tuple[str, ...], receiver: str) -> None:
    config = RULES / "alertmanager.yml"
    done = run(
        ["amtool", "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}", *labels]
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_that_should_reach_somebody_does() -> None:
    config = RULES / "alertmanager.yml"
    pairs = {
        (rule.labels["team"], rule.severity)
        for rule in all_alerts(load(None, "compose"))
        if rule.severity in {Severity.CRITICAL, Severity.WARNING}
    }
    for team, severity in sorted(pairs):
        labels = (f"team={team}", f"severity={severity}")
        done = run(["amtool", "config", "routes", "test", f"--config.file={config}", *labels])
        assert done.stdout.strip() == f"{team}-{severity}"


ALERT_MUTANTS = (
    (") > 14.4", ") < 14.4"),
    (") > 14.4", ") > 14.41"),
    ('window="5m"} > 14.4', 'window="5m"} > 14.3'),
    ('{slo="availability",window="1h"}', '{slo="availability",window="6h"}'),
    ('{slo="availability",window="5m"}', '{slo="availability",window="30m"}'),
    ("* on (slo, slo_service) slo:coverage", "+ on (slo, slo_service) slo:coverage"),
    (">= 10", ">= 11"),
    (">= 10", "> 8"),
    ("for: 45s", "for: 30s"),
    ("> 6\n", "> 5.9\n"),
    ("severity: critical", "severity: warning"),
)
RECORDING_MUTANTS = (
    ("offset 15s) >= 0", "offset 30s) >= 0"),
    (" or haproxy_backend_http_responses_total", " unless haproxy_backend_http_responses_total"),
    ("up[5m] offset 15s) == 1", "up[5m] offset 15s) == 0"),
    ('(max(probe_success{probe="edge"}) == 0) + 1', '(max(probe_success{probe="edge"}) == 1) + 1'),
    ('clamp_min(max(avg_over_time(slo:events_total:delta{slo="availability"}[1h])), 1)', "vector(1)"),
    ("/ 0.0005", "/ 0.005"),
    ('slo:events_bad:delta{slo="availability"}[4m59s999ms]', 'slo:events_bad:delta{slo="availability"}[29m59s999ms]'),
)
LONG_MUTANTS = (
    ('* slo:coverage:ratio{slo="availability",window="30d"}', ""),
    (
        'slo:events_bad:rollup_5x{slo="availability"}[29d23h59m59s999ms]',
        'slo:events_bad:rollup_5x{slo="availability"}[2d23h59m59s999ms]',
    ),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("mutants")
    shutil.copytree(RULES, directory / "rules")
    return directory / "rules"


@pytest.mark.parametrize(("old", "new"), ALERT_MUTANTS)
def test_an_alert_that_was_changed_fails_its_tests(copy: Path, old: str, new: str) -> None:
    assert mutant_is_caught(copy, "slo-availability-alerts.yml", old, new)


@pytest.mark.parametrize(("old", "new"), RECORDING_MUTANTS)
def test_a_recording_that_was_changed_fails_its_tests(copy: Path, old: str, new: str) -> None:
    assert mutant_is_caught(copy, "slo-availability.yml", old, new)


@pytest.mark.parametrize(("old", "new"), LONG_MUTANTS)
def test_a_long_recording_that_was_changed_fails_its_tests(copy: Path, old: str, new: str) -> None:
    assert mutant_is_caught(copy, "slo-availability-long.yml", old, new, tests="slo-availability-window.yml")


def mutant_is_caught(rules: Path, name: str, old: str, new: str, tests: str = "") -> bool:
    file = rules / "prometheus" / name
    sound = file.read_text()
    assert old in sound, f"{name} has no {old!r} any more: choose another mutant"
    file.write_text(sound.replace(old, new))
    try:
        checked = run(["promtool", "check", "rules", file])
        assert checked.returncode == 0, f"not a mutant but a syntax error: {checked.stderr}"
        return run(["promtool", "test", "rules", rules / "tests" / (tests or name)]).returncode != 0
    finally:
        file.write_text(sound)


TEMPLATES = (
    "{{ $value",
    "{{ $value }}",
    "{{ if true }}x",
    "{{ if }}x{{ end }}",
    "{{ end }}",
    "{{ else }}",
    "{{ foo }}",
    "{{ $foo }}",
    "{{ $labels.instance }} {{ $value | humanize }}",
    "}} x {{",
    '{{ printf "}}" }}',
    "{{}}",
    "{{/* { */}}",
    "{{ /* c */ }}",
    "{{- $value -}}",
    '{{ range $i, $e := query "up" }}{{ $e.Labels }}{{ $i }}{{ end }}',
    "{{ with $x := 1 }}{{ $x }}{{ else }}b{{ end }}",
    '{{ (index (query "up") 0) | value }}',
    "{{ if true }}a{{ else if false }}b{{ end }}",
    '{{ define "a" }}x{{ end }}{{ template "a" }}',
    "{{ $value > 3 }}",
    "{{ (1 }}",
    '{{ "a }}',
    "{{ $labels['x'] }}",
    "{{ now }}",
    "a { b } c",
    templates.escape("50 % of {{ things }} {{{"),
)


@pytest.mark.parametrize("text", TEMPLATES)
def test_the_catalogue_takes_the_templates_that_prometheus_takes(tmp_path: Path, text: str) -> None:
    rule: Value = {"alert": "A", "expr": "up", "annotations": {"summary": text}}
    (tmp_path / "rules.yml").write_text(document({"groups": [{"name": "a", "rules": [rule]}]}))
    done = run(["promtool", "check", "rules", tmp_path / "rules.yml"])

    try:
        templates.check(text)
    except ValueError:
        assert done.returncode != 0
    else:
        assert done.returncode == 0, done.stderr


def written(catalogue: Catalogue, directory: Path) -> Path:
    for path, text in outputs(catalogue).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return directory / "rules"


@pytest.mark.parametrize(
    ("window", "percent"),
    [("1h", "93.5"), ("24h", "99.95"), ("7d", "1"), ("1Q", "99.99999")],
    ids=["1h", "24h", "7d", "1Q"],
)
def test_an_slo_of_any_window_and_objective_alerts_as_its_tests_say(tmp_path: Path, window: str, percent: str) -> None:
    shutil.copytree(BUNDLED / "slos", tmp_path / "mine" / "slos")
    availability = tmp_path / "mine" / "slos" / "availability.yaml"
    text = availability.read_text().replace("duration: 30d", f"duration: {window}")
    availability.write_text(text.replace("targetPercent: 99.95", f"targetPercent: {percent}"))
    rules = written(load(tmp_path / "mine", "compose"), tmp_path)

    # Roll-ups and days are the same for every window.
    found = (rules / "tests").glob("slo-availability*.yml")
    tests = sorted(path for path in found if not path.name.endswith(("-rollups.yml", "-days.yml")))
    commands: tuple[tuple[str | Path, ...], ...] = (
        ("promtool", "check", "rules", *sorted((rules / "prometheus").glob("slo-availability*.yml"))),
        ("promtool", "test", "rules", *tests),
    )
    for command in commands:
        done = run(command)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "duplicate" not in done.stdout


def test_odd_words_are_escaped_for_whoever_reads_them(tmp_path: Path) -> None:
    for folder in ("slos", "alerts"):
        shutil.copytree(BUNDLED / folder, tmp_path / "mine" / folder)
    slo = tmp_path / "mine" / "slos" / "availability.yaml"
    slo.write_text(
        slo.read_text()
        .replace("team: sre", "team: 'the \"A\" \\ team'")
        .replace("events: requests", 'events: "{{ requests"')
        .replace("impact: Patients", 'impact: "{{ Patients }} \\"all\\" }}"\n    more: Patients')
        .replace("displayName: Availability", "displayName: 'Up {{ $up'")
    )
    alerts = tmp_path / "mine" / "alerts" / "redis.yaml"
    plain = "max by (instance) (last_over_time(redis_up[2m])) == 0"
    assert plain in alerts.read_text()
    alerts.write_text(alerts.read_text().replace(plain, plain + ' unless on () up{job="{{"}'))
    (tmp_path / "mine" / "contacts.yaml").write_text(
        "teams:\n  - {name: 'the \"A\" \\ team', critical: [pager], warning: [pager]}\n"
        "receivers:\n  - {name: pager, kind: pagerduty, settings: {routing_key_file: /run/secrets/key}}\n"
    )
    rules = written(load(tmp_path / "mine", "compose"), tmp_path)

    commands: tuple[tuple[str | Path, ...], ...] = (
        ("promtool", "check", "rules", *sorted((rules / "prometheus").glob("*.yml"))),
        (
            "promtool",
            "test",
            "rules",
            rules / "tests/slo-availability-alerts.yml",
            rules / "tests/alerts-redis.yml",
        ),
        ("amtool", "check-config", rules / "alertmanager.yml"),
    )
    for command in commands:
        done = run(command)
        assert done.returncode == 0, done.stdout + done.stderr
    config = f"--config.file={rules / 'alertmanager.yml'}"
    labels = ("severity=critical", 'team="the \\"A\\" \\\\ team"')
    routed = run(["amtool", "config", "routes", "test", config, *labels])
    assert routed.stdout.strip() == 'the "A" \\ team-critical'
