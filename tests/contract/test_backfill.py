"""From raw metrics alone, a backfill makes the budget of the whole window right at once, on a real Prometheus."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from monitor import clock
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, Window
from monitor.cli import main, slo_backfill
from monitor.compliance.backfill import Backfill
from monitor.compliance.status import slo_statuses
from monitor.render import outputs
from monitor.slo import names
from monitor.store import Store
from monitor.store_history import SloHistory
from tests.contract.history import History, serve
from tests.contract.slo_past import HOUR, MIDNIGHT, MINUTE, SCRAPE, catalogue, past, promised

DAYS = 8
SECOND = timedelta(seconds=1)
AWAY = range(3 * 86_400 + 40_000, 3 * 86_400 + 43_600)
"""An hour in which Prometheus was away."""
RESTART = 5 * 86_400 + 50_000


def rate(second: int) -> float:
    """A hundred times more by day than by night."""
    return 1.0 + 99.0 * max(0.0, math.sin(second / 86_400 * 2 * math.pi))


def fails(second: int) -> float:
    """The share that fails: a little always, everything for half an hour of a night."""
    return 1.0 if 6 * 86_400 + 70_000 <= second < 6 * 86_400 + 71_800 else 0.001


def counted(share: float) -> dict[int, tuple[float, float]]:
    """Good and bad events by second, summed up once each scrape."""
    good = bad = 0.0
    seen = {}
    for second in range(0, DAYS * 86_400 + 1, SCRAPE):
        seen[second] = (good, bad)
        events = rate(second) * SCRAPE * share
        good, bad = good + events * (1 - fails(second)), bad + events * fails(second)
    return seen


def raw(start: datetime) -> tuple[History, float]:
    """What was scraped, and the share of bad events of all that there were."""
    history, seen = History(), counted(1.0)
    before = seen[RESTART // SCRAPE * SCRAPE]
    for number, code in enumerate(("2xx", "5xx")):
        points = [
            (start + second * SECOND, value[number] - (before[number] if second > RESTART else 0.0))
            for second, value in seen.items()
            if second not in AWAY
        ]
        history.add("e_total", {"code": code}, points)
    good, bad = seen[DAYS * 86_400 // SCRAPE * SCRAPE]
    return history, bad / (good + bad)


def promises() -> Catalogue:
    overrides = {"evaluation_interval": "30s", "scrape_interval": "30s", "rollup_interval": "15s"}
    return replace(
        load(None, "compose", environment_overrides=overrides),
        slos=(replace(promised(), window=Window(duration=timedelta(days=DAYS))),),
    )


@pytest.mark.timeout(300)
def test_after_a_backfill_the_budget_of_the_window_is_that_of_the_raw_events(tmp_path: Path) -> None:
    now = clock.now().replace(microsecond=0)
    history, bad = raw(now - DAYS * 24 * HOUR)
    places = [tmp_path / name for name in ("before", "after", "out")]
    for place in places:
        place.mkdir()
    whole = promises()
    with serve(history, places[0]) as prometheus, Store.migrate(tmp_path / "monitor.db") as store:
        work = Backfill(
            prometheus=prometheus, catalogue=whole, slos=whole.slos, store=store, out=places[2], reason="new here"
        )
        filled = work.run(now - DAYS * 24 * HOUR, now, now)
        assert filled.days_sealed in {DAYS - 2, DAYS - 1, DAYS}
        sealed = SloHistory(store).days("answers", now - 40 * 24 * HOUR, now)
        assert {day.reason for day in sealed} == {"new here"}
        assert work.run(now - DAYS * 24 * HOUR, now, now).days_sealed == 0
    written = [text for name, text in sorted(outputs(whole).items()) if name.startswith("rules/prometheus/slo-answers")]
    groups = [group for text in written for group in yaml.safe_load(text)["groups"]]
    rules = yaml.safe_dump({"groups": [group for group in groups if "record" in group["rules"][0]]})
    # The raw samples are not even needed any more.
    with serve(History(), places[1], rules=rules, also=filled.files) as prometheus:
        deadline = time.monotonic() + 200
        while (status := slo_statuses(prometheus, whole)[0]).error_budget_remaining is None:
            assert time.monotonic() < deadline, "nothing was recorded"
            time.sleep(0.5)
        # What is recorded by now is not written once more.
        again = replace(work, prometheus=prometheus, store=None, out=places[2]).run(now - DAYS * 24 * HOUR, now, now)
    covered = 1 - len(AWAY) / (DAYS * 86_400)
    assert status.coverage == pytest.approx(covered, abs=0.001)
    assert status.sli == pytest.approx(1 - bad, abs=0.005 * bad)
    spent = bad / 0.01 * covered
    assert 1 - status.error_budget_remaining == pytest.approx(spent, rel=0.005)
    assert again.series_until["answers"] <= filled.span.start + 10 * MINUTE


def test_the_command_seals_writes_and_says_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = past({"2xx": lambda s: 2.0 * (s + 3600)}, hours=60)
    monkeypatch.setattr(slo_backfill, "load", lambda *_: catalogue())
    run = ["--run-dir", str(tmp_path), "slo", "backfill", "--from", "2026-10-24", "--to", "2026-10-26"]
    with serve(history, tmp_path) as prometheus:
        monkeypatch.setattr(clock, "now", lambda: MIDNIGHT + 55 * HOUR)
        monkeypatch.setenv("MONITOR_PROMETHEUS_URL", prometheus.url)
        nowhere = CliRunner().invoke(main, run)
        assert (nowhere.exit_code, "is not ready" in nowhere.stderr) == (3, True)
        files_only = CliRunner().invoke(main, [*run, "--out", str(tmp_path / "out")])
        assert files_only.exit_code == 0, files_only.stderr
        assert "no day is sealed" in files_only.stderr
        store = Store.migrate(tmp_path / "state" / "monitor.db")
        told = json.loads(CliRunner().invoke(main, [*run, "answers", "--out", str(tmp_path / "out"), "--json"]).stdout)
        assert told["days_sealed"] == 2
        assert told["from"] == "2026-10-23T22:00:00Z"
        assert [Path(file).name for file in told["files"]] == [f"slo-2026-10-{day}.om" for day in (23, 24, 25)]
        resealed = CliRunner().invoke(main, [*run, "--reseal", "looked again"])
        assert "0 days sealed" in resealed.stdout
    text = (tmp_path / "out" / "slo-2026-10-24.om").read_text(encoding="utf-8")
    total = [float(row.split(" ")[1]) for row in text.splitlines() if row.startswith(f"{names.TOTAL_ROLLUP}{{")]
    assert sum(total) == pytest.approx(2.0 * 86_400)
    assert text.endswith("# EOF\n")
    assert len(SloHistory(store).days("answers", MIDNIGHT, MIDNIGHT + 60 * HOUR)) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "2026-10-32"], "is no instant"),
        (["--from", "2026-10-24T00:00:00"], "is no instant"),
        (["--from", "2026-10-24", "--to", "2026-10-24"], "is not before"),
        (["--from", "2199-01-01"], "not in the past"),
        (["nobody", "--from", "2026-10-24"], "has no SLO 'nobody'; it has: "),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, arguments: list[str], said: str) -> None:
    Store.migrate(tmp_path / "state" / "monitor.db").close()
    refused = CliRunner().invoke(main, ["--run-dir", str(tmp_path), "slo", "backfill", *arguments])
    assert refused.exit_code == 2
    assert said in refused.stderr
