"""``generate``, ``check`` and ``init`` as people and scripts use them: what is printed, written, and the exit code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli import main


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def monitor(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_generating_twice_writes_once(place: Path) -> None:
    first = monitor("generate", "--out", "out")
    before = contents(place)
    times = {path: path.stat().st_mtime_ns for path in place.rglob("*.yml")}

    second = monitor("generate", "--out", "out")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "0 written, 0 removed" in second.output
    assert contents(place) == before
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*.yml")} == times
    assert monitor("generate", "--out", "out", "--check").exit_code == 0


def test_what_differs_is_listed_and_left_alone_by_check(place: Path) -> None:
    monitor("generate", "--out", "out")
    (place / "out" / "rules" / "alertmanager.yml").write_text("changed by hand\n")
    (place / "out" / "rules" / "prometheus" / "slo-availability.yml").unlink()
    before = contents(place)

    checked = monitor("generate", "--out", "out", "--check")

    assert checked.exit_code == 1
    assert checked.output == "rules/alertmanager.yml: differs\nrules/prometheus/slo-availability.yml: differs\n"
    assert contents(place) == before


def test_only_generated_files_are_removed_when_they_are_no_more(place: Path) -> None:
    monitor("generate", "--out", "out")
    rules = place / "out" / "rules" / "prometheus"
    (rules / "slo-gone.yml").write_text((rules / "slo-availability.yml").read_text())
    (rules / "by-hand.yml").write_text("groups: []\n")

    checked = monitor("generate", "--out", "out", "--check")
    written = monitor("generate", "--out", "out")

    assert checked.output == "rules/prometheus/slo-gone.yml: is not generated any more\n"
    assert "0 written, 1 removed" in written.output
    assert not (rules / "slo-gone.yml").exists()
    assert (rules / "by-hand.yml").exists()


def test_a_broken_catalogue_writes_nothing_and_tells_every_fault_once(place: Path) -> None:
    monitor("init", "mine")
    slo = place / "mine" / "slos" / "availability.yaml"
    slo.write_text(slo.read_text().replace("targetPercent: 99.95", "targetPercent: no"))
    recovery = place / "mine" / "recovery.yaml"
    recovery.write_text(f"rpo: 2h\n{recovery.read_text()}")

    done = monitor("--catalogue", "mine", "generate", "--out", "out")

    assert done.exit_code == 2
    lines = done.output.splitlines()
    assert len(lines) == len(set(lines)) == 2
    assert "recovery.yaml:3: rpo: is given twice: keep one" in lines[0]
    assert lines[1].startswith("slos/availability.yaml:22: spec.objectives[0].targetPercent: no means different things")
    assert not (place / "out").exists()


def test_an_unknown_metric_warns_in_generate_and_fails_in_check(place: Path) -> None:
    monitor("init", "mine")
    alerts = place / "mine" / "alerts" / "redis.yaml"
    alerts.write_text(alerts.read_text().replace("redis_up[", "redis_upp[", 1))

    generated = monitor("--catalogue", "mine", "generate", "--out", "out")
    checked = monitor("--catalogue", "mine", "check", "--json")

    assert generated.exit_code == 0
    assert "warning: alerts/redis.yaml:8: nobody declares the metric redis_upp" in generated.output
    assert checked.exit_code == 1
    (finding,) = json.loads(checked.output)["findings"]
    assert (finding["file"], finding["line"], finding["code"]) == ("alerts/redis.yaml", 8, "unknown-metric")


def test_a_catalogue_to_start_from_passes_check_and_generates_what_the_bundled_one_does(place: Path) -> None:
    assert monitor("init", "mine").exit_code == 0
    assert monitor("--catalogue", "mine", "check").exit_code == 0

    monitor("--catalogue", "mine", "generate", "--out", "theirs")
    monitor("generate", "--out", "ours")

    assert contents(place / "theirs") == contents(place / "ours")


def test_init_overwrites_nothing(place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "precious").write_text("x")

    done = monitor("init", "mine")

    assert done.exit_code == 2
    assert "mine is not empty" in done.output
    assert contents(place) == {"mine/precious": b"x"}


def test_prose_in_a_runbook_survives_generating(place: Path) -> None:
    monitor("generate", "--out", "out")
    page = place / "out" / "runbooks" / "RedisDown.md"
    head = page.read_text().partition("## Meaning")[0]
    page.write_text(head.replace("warning: a ticket", "old") + "## Meaning\n\nBy hand.\n")

    monitor("generate", "--out", "out")

    assert page.read_text() == head + "## Meaning\n\nBy hand.\n"


@pytest.mark.parametrize("blocked", ["rules", "runbooks", "rules/tests", "deploy"])
def test_where_one_file_cannot_be_written_none_is(place: Path, blocked: str) -> None:
    (place / "out" / blocked).parent.mkdir(parents=True)
    (place / "out" / blocked).write_text("a file where a folder should be")
    before = sorted(place.rglob("*"))

    done = monitor("generate", "--out", "out")

    assert done.exit_code == 2
    assert "cannot write" in done.output
    assert "Traceback" not in done.output
    assert sorted(place.rglob("*")) == before


def test_what_was_there_stays_whole_where_a_new_file_cannot_be_written(place: Path) -> None:
    monitor("generate", "--out", "out")
    shutil.rmtree(place / "out" / "runbooks")
    (place / "out" / "runbooks").write_text("a file where a folder should be")
    (place / "out" / "rules" / "alertmanager.yml").write_text("old\n")
    before = contents(place)

    assert monitor("generate", "--out", "out").exit_code == 2
    assert contents(place) == before


@pytest.mark.parametrize("spoil", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_where_one_is_written_is_one_clear_sentence(place: Path, spoil: Callable[[Path], None]) -> None:
    (place / "out" / "rules").mkdir(parents=True)
    spoil(place / "out" / "rules" / "alertmanager.yml")

    done = monitor("generate", "--out", "out")

    assert (done.exit_code, contents(place)) == (2, {})
    assert "alertmanager.yml" in done.output


def test_a_runbook_that_cannot_be_read_is_one_clear_sentence(place: Path) -> None:
    (place / "runbooks").mkdir()
    (place / "runbooks" / "RedisDown.md").write_bytes(b"\xff")

    done = monitor("check")

    assert done.exit_code == 2
    assert "RedisDown.md: is not UTF-8" in done.output


HOSTILE: dict[str, tuple[str, str, str]] = {
    "a group that leads elsewhere": ("alerts/redis.yaml", "name: redis", "name: x/../../../../evil"),
    "a number without end": ("recovery.yaml", "keep_full: 48", f"keep_full: {'9' * 5000}"),
    "a span without end": ("recovery.yaml", "rpo: 1h", "rpo: 99999999999999999999d"),
    "a window without end": ("slos/availability.yaml", "30d", "99999999999999999999d"),
    "a query without end": (
        "alerts/redis.yaml",
        "max by (instance) (last_over_time(redis_up[2m])) == 0",
        "(" * 10_000 + "up" + ")" * 10_000,
    ),
    "tests that are none": ("alerts/redis.test.yaml", "tests:", "tests: {}\nmore:"),
    "a schedule that never comes": ("drills.yaml", "breaking: true", 'breaking: true\n    schedule: "99 99 * * *"'),
    "a secret": (
        "contacts.yaml",
        "receivers:",
        "receivers:\n  - {name: pager, kind: pagerduty, settings: {routing_key: SECRET, wibble: x}}",
    ),
    "a service in quotes": ("slos/availability.yaml", "service: appointments", "service: 'my \"svc\"'"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_catalogue_ends_in_faults_and_nothing_is_written(place: Path, kind: str) -> None:
    name, old, new = HOSTILE[kind]
    monitor("init", "mine")
    file = place / "mine" / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    before = contents(place)

    for command in (("generate", "--out", "out"), ("check",)):
        done = monitor("--catalogue", "mine", *command)

        assert done.exit_code == 2, done.output
        assert isinstance(done.exception, SystemExit)
        assert name in done.output
        assert "SECRET" not in done.output
        assert len(done.output) < 5000
    assert contents(place) == before


@pytest.mark.parametrize("name", ["e" * 300, "../environments/local", ""])
def test_an_environment_that_can_be_no_file_ends_in_one_sentence(place: Path, name: str) -> None:
    done = monitor("--env", name, "check")

    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
