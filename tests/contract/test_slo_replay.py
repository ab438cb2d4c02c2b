"""A replay says what a real Prometheus that evaluates the rendered rules says, evaluation by evaluation."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, RatioSli, Slo
from monitor.cli import main
from monitor.compliance.replay import replay
from monitor.compliance.replay_reading import LEAD, Reader, read
from monitor.render.rules import slo_rule_files
from monitor.render.slo_tests_series import Phase, input_series
from monitor.slo.alerts import BURN_ALERTS
from tests.contract.history import History, _binary, serve

STEP = timedelta(seconds=15)
START = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
HOUR = 240
"""Evaluations in an hour."""

STORIES = {
    "an outage, a second one, and a restart between them": (
        "availability",
        (
            Phase(steps=HOUR, good=300),
            Phase(steps=40, good=270, bad=30),
            Phase(steps=50, good=300),
            Phase(steps=20, good=300, reset=True),
            Phase(steps=60, good=200, bad=100),
            Phase(steps=HOUR, good=300),
        ),
    ),
    "a leak that makes tickets": (
        "availability",
        (Phase(steps=2 * HOUR, good=300), Phase(steps=5 * HOUR, good=291, bad=9), Phase(steps=HOUR, good=300)),
    ),
    "darkness that only the probe sees, and a gap": (
        "booking-success",
        (
            Phase(steps=HOUR, good=12),
            Phase(steps=30, probe=0),
            Phase(steps=HOUR, good=12),
            Phase(steps=60, absent=True),
            Phase(steps=30, good=6, bad=6),
            Phase(steps=HOUR // 2, good=12),
        ),
    ),
    "slow answers that two processes count": (
        "api-latency",
        (Phase(steps=HOUR, good=300), Phase(steps=60, good=20, bad=280), Phase(steps=HOUR, good=300)),
    ),
    "one failure at three in the morning": (
        "availability",
        (Phase(steps=HOUR, good=0), Phase(steps=1, bad=1), Phase(steps=HOUR, good=0)),
    ),
}


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    # Promtool 2.42 evaluates every group at one interval, so that roll-ups must not be rarer than evaluations here.
    monkeypatch.setattr("monitor.slo.windows.SECOND_ROLLUP", 1)
    return load(None, "compose", environment_overrides={"rollup_interval": "15s"})


@pytest.mark.parametrize("story", STORIES)
def test_alerts_fire_and_end_when_prometheus_says_so(tmp_path: Path, catalogue: Catalogue, story: str) -> None:
    name, phases = STORIES[story]
    slo = catalogue.slo(name)
    assert slo is not None
    agree(tmp_path, replace(catalogue, slos=(slo,)), phases)


@pytest.mark.parametrize("target", ["0.95", None])
def test_slices_of_time_alert_when_prometheus_says_so(tmp_path: Path, catalogue: Catalogue, target: str | None) -> None:
    slo = catalogue.slo("availability")
    assert slo is not None
    assert isinstance(slo.sli, RatioSli)
    sli = replace(slo.sli, slice=timedelta(minutes=1), slice_target=Decimal(target) if target else None)
    phases = (
        Phase(steps=HOUR, good=300),
        Phase(steps=60, good=240, bad=60),
        Phase(steps=HOUR, good=0),
        Phase(steps=50, probe=0),
        Phase(steps=40, absent=True),
        Phase(steps=HOUR, good=300, bad=1),
    )
    agree(tmp_path, replace(catalogue, slos=(replace(slo, sli=sli),)), phases)


def agree(tmp_path: Path, catalogue: Catalogue, phases: tuple[Phase, ...]) -> None:
    """Replay a story of the catalogue's only SLO, and ask promtool about each of its evaluations."""
    (slo,) = catalogue.slos
    # A gap is told by silence in both: no staleness marker can be imported.
    series = {made.series: made.values.replace("stale", "_") for made in input_series(slo, phases)}
    end = START + sum(phase.steps for phase in phases) * STEP
    with serve(history(series), tmp_path) as prometheus:
        replayed = replay(prometheus, slo, catalogue.environment, (START - STEP, end))
    episodes = replayed.outcomes[0].episodes
    assert any(one.alert in BURN_ALERTS for one in episodes) == any(phase.bad > 1 for phase in phases)

    # Only what is kept by its intervals: other tests of this process must not be given what is made with ours.
    rules = {Path(path).name: text for path, text in slo_rule_files(slo, catalogue.environment).items()}
    for file, text in rules.items():
        (tmp_path / file).write_text(text)
    spans = [
        (episode.alert, round((episode.start - START) / STEP), round(((episode.end or end + STEP) - START) / STEP))
        for episode in episodes
    ]
    (tmp_path / "test.yml").write_text(
        yaml.safe_dump(promtool_test(slo, rules, series, spans, round((end - START) / STEP)))
    )
    command = [_binary("promtool"), "test", "rules", str(tmp_path / "test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{spans}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def promtool_test(
    slo: Slo, rules: dict[str, str], series: dict[str, str], spans: list[tuple[str, int, int]], last: int
) -> dict[str, object]:
    """Ask at every evaluation: which alerts fire?"""
    firing = f'ALERTS{{alertstate="firing",alertname=~"ErrorBudget.*|SLONoData",slo="{slo.name}"}}'
    wanted = [
        {
            "expr": f"count by (alertname) ({firing})",
            "eval_time": f"{number * 15}s",
            "exp_samples": [
                {"labels": f'{{alertname="{alert}"}}', "value": 1}
                for alert, first, after in spans
                if first <= number < after
            ],
        }
        for number in range(last + 1)
    ]
    files = sorted(rules, key=lambda file: (file.endswith("-alerts.yml"), file.endswith("-long.yml")))
    groups = [group["name"] for file in files for group in yaml.safe_load(rules[file])["groups"]]
    inputs = [{"series": one, "values": values} for one, values in series.items()]
    return {
        "rule_files": files,
        "evaluation_interval": "15s",
        "group_eval_order": groups,
        "tests": [{"interval": "15s", "input_series": inputs, "promql_expr_test": wanted}],
    }


def history(series: dict[str, str]) -> History:
    """The same samples in a server's past."""
    past = History()
    for one, values in series.items():
        name, _, inside = one.partition("{")
        labels = dict(re.findall(r'(\w+)="([^"]*)"', inside))
        points = ((START + number * STEP, value) for number, value in enumerate(expanded(values)) if value is not None)
        past.add(name, labels, points)
    return past


def expanded(values: str) -> Iterator[float | None]:
    """Promtool's notation, written out."""
    for item in values.split():
        match = re.fullmatch(r"(_|[\d.]+)(?:\+([\d.]+))?(?:x(\d+))?", item)
        assert match, item
        base, gain, times = match.groups()
        if base == "_":
            yield from [None] * int(times or 1)
        else:
            yield from (float(base) + float(gain or 0) * number for number in range(int(times or 0) + 1))


def test_whatever_becomes_of_counters_the_shortcut_counts_as_the_rule_does(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    """Births, deaths, restarts, and two series that change places, read the short way and as the rule reads them."""
    past, many = History(), 400
    target = {"job": "edge", "instance": "edge"}
    past.add("up", target, [(START + number * STEP, 1.0) for number in range(many)])
    lives = {"a": (0, many, 0), "b": (0, 100, 0), "c": (120, many, 0), "d": (30, 200, 90), "e": (99, 321, 250)}
    # Half-way through an hour all of one proxy's series are replaced by others, as many and as long.
    lives |= {"f": (0, 180, 0), "g": (181, many, 0)}
    for proxy, (born, dead, restart) in lives.items():
        rises = [7.0 * ((number * 31) % 5) for number in range(many)]
        points = [
            (START + number * STEP, sum(rises[restart if restart and number >= restart else born : number]) + 3.0)
            for number in range(born, dead)
        ]
        past.add("haproxy_backend_http_responses_total", target | {"proxy": "api", "code": proxy}, points)
    slo = catalogue.slo("availability")
    assert slo is not None
    assert isinstance(slo.sli, RatioSli)
    slo = replace(slo, sli=replace(slo.sli, probe=""))
    span = (START, START + many * STEP)
    with serve(past, tmp_path) as prometheus:
        for cell in (STEP, 4 * STEP):
            events = read(prometheus, slo, catalogue.environment, span, cell)
            _, ruled = Reader(prometheus, slo, catalogue.environment, (span[0] - LEAD, span[1]), cell).as_recorded()
            assert list(events.total) == pytest.approx([value or 0.0 for value in ruled])
            assert sum(events.total) > 10_000


@pytest.mark.parametrize("seed", range(4))
def test_quiet_hours_are_read_the_short_way_and_troubled_ones_lose_nothing(
    tmp_path: Path, catalogue: Catalogue, seed: int
) -> None:
    chance, past, many = random.Random(seed), History(), 12 * HOUR
    for number in range(8):
        troubles = sorted(chance.sample(range(5 * HOUR, 8 * HOUR), 4)) if number % 2 else [0, 0, 0, 0]
        born, gone, back, restart = troubles
        value, points = 0.0, []
        for at in range(born if number % 4 == 1 else 0, many):
            value = 0.0 if at == restart else value + chance.randrange(9)
            if not gone <= at < back:
                points.append((START + at * STEP, value))
        past.add("haproxy_backend_http_responses_total", {"proxy": "api", "code": f"c{number}"}, points)
    slo = catalogue.slo("availability")
    assert slo is not None
    assert isinstance(slo.sli, RatioSli)
    sli = replace(slo.sli, probe="")
    slo = replace(slo, sli=sli)
    span = (START + HOUR * STEP, START + many * STEP)
    with serve(past, tmp_path) as prometheus:
        reader = Reader(prometheus, slo, catalogue.environment, (span[0] - LEAD, span[1]), 4 * STEP)
        _, ruled = reader.as_recorded()
        _, short = reader.ratio(sli)
        troubled = reader._restless('haproxy_backend_http_responses_total{proxy=~"bookings|api|pages"}')
    assert short == pytest.approx(ruled)
    hours = {(number - 1) // 60 for number in troubled if reader.first + number * 4 * STEP > START + 2 * HOUR * STEP}
    assert 0 < len(hours) <= 6


def test_a_replay_tells_pages_delays_and_what_another_objective_would_have_done(tmp_path: Path) -> None:
    phases = (Phase(steps=8 * HOUR, good=300), Phase(steps=8, bad=300), Phase(steps=HOUR, good=300))
    slo = load(None, "compose").slo("availability")
    assert slo is not None
    series = {made.series: made.values for made in input_series(slo, phases)}
    end = START + sum(phase.steps for phase in phases) * STEP
    broken = START + 8 * HOUR * STEP
    (tmp_path / "known.yaml").write_text(
        f"- {{start: '{broken.isoformat()}', end: '{(broken + 8 * STEP).isoformat()}', name: no primary}}\n"
        f"- {{start: '{START.isoformat()}', end: '{(START + HOUR * STEP).isoformat()}'}}\n"
        "- {start: '2026-01-01T00:00:00Z', end: '2026-01-01T01:00:00Z', name: long ago}\n"
    )
    (tmp_path / "mine.yaml").write_text("- {severity: warning, long: 1h, short: 5m, factor: 2, for: 1m}\n")
    with serve(history(series), tmp_path) as prometheus:
        done = CliRunner(env={"MONITOR_PROMETHEUS_URL": prometheus.url}).invoke(
            main,
            [
                *("--run-dir", str(tmp_path), "--env", "compose", "slo", "replay", "availability", "--json"),
                *("--from", START.isoformat(), "--to", end.isoformat()),
                *("--incidents", str(tmp_path / "known.yaml"), "--objective", "90", "--objective", "0.999"),
                *("--policy", "pyrra", "--policy", str(tmp_path / "mine.yaml")),
            ],
        )
        text = CliRunner(env={"MONITOR_PROMETHEUS_URL": prometheus.url}).invoke(
            main,
            ["--run-dir", str(tmp_path), "--env", "compose", "slo", "replay", "availability", "--to", end.isoformat()],
        )
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    own, lax, other, pyrra, mine = answer["outcomes"]
    assert [outcome["policy"] for outcome in (own, lax, pyrra, mine)] == [None, None, "pyrra", "mine"]
    assert [alert["kind"] for alert in mine["alerts"] if alert["alert"] == "mine 1h"] == ["ticket"]
    assert own["frozen_seconds"] == 0
    assert [outcome["objective"] for outcome in (own, lax, other)] == [0.9995, 0.9, 0.999]
    (unseen, seen) = own["incidents"]
    assert answer["incidents_outside"] == 1
    assert (unseen["name"], unseen["pages"], unseen["detection_delay_seconds"]) == ("incident 2", 0, None)
    assert (seen["name"], seen["pages"]) == ("no primary", 1)
    assert 0 < seen["detection_delay_seconds"] <= 120
    # Pyrra's alert is held for two minutes, ours for 45 seconds.
    assert seen["detection_delay_seconds"] + 60 < pyrra["incidents"][1]["detection_delay_seconds"]
    assert (own["precision"], own["recall"]) == (1.0, 0.5)
    assert lax["alerts"] == []
    assert lax["precision"] is None
    assert other["pages_per_month"] > 0
    assert answer["sli"] == pytest.approx(1 - 8 / (9 * HOUR + 8), rel=1e-3)
    assert answer["recommended"]["objective"] is None
    assert text.exit_code == 0, text.output
    assert "ErrorBudgetBurnFast" in text.output
