"""The gate on a real Prometheus: by exit code, by HTTP status, overridden, and the same figures as everywhere else."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor import clock
from monitor.catalogue.load import load
from monitor.cli import main
from monitor.compliance import gate as gates
from monitor.compliance import policy_standing
from monitor.compliance.period import parse
from monitor.compliance.report import make_report
from monitor.compliance.status import slo_statuses
from monitor.render import outputs
from monitor.slo import names
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from monitor.store_history import Correction, Part, SloHistory
from tests.contract.history import History, serve
from tests.contract.test_report_agrees import past
from tests.contract.web_server import NOBODY, console

FIELDS = {"slo", "state", "allowed", "error_budget_remaining", "coverage", "before_corrections", "reason", "override"}
ROUTE = "/api/v1/slos/availability/gate"
NONE: Mapping[str, float] = {}


@contextmanager
def recorded(
    directory: Path, remaining: list[float], coverage: float = 0.99, sums: Mapping[str, float] = NONE
) -> Iterator[Prometheus]:
    """A Prometheus in which the budget was ``remaining``, hour by hour until now, by these ``sums`` all the time."""
    history, now = History(), clock.now()
    labels = {"slo": "availability", "slo_service": "appointments", "window": "30d"}
    ago = range(len(remaining) * 60, -5, -1)
    budget = [(now - timedelta(minutes=one), remaining[-1 - max(one - 1, 0) // 60]) for one in ago]
    history.add("slo:error_budget_remaining:ratio", labels, budget)
    for name, value in {names.COVERAGE: coverage, **sums}.items():
        history.add(name, labels, [(at, value) for at, _ in budget])
    with serve(history, directory) as prometheus:
        yield prometheus


def monitor(directory: Path, url: str, *arguments: str) -> Result:
    return CliRunner(env={"MONITOR_PROMETHEUS_URL": url}).invoke(main, ["--run-dir", str(directory), *arguments])


@pytest.mark.parametrize(
    ("remaining", "coverage", "state", "code", "status"),
    [
        ([0.8], 0.99, "open", 0, 200),
        ([0.4], 0.99, "notify", 0, 200),
        ([0.2], 0.99, "caution", 0, 200),
        ([-0.1], 0.99, "frozen", 1, 409),
        ([-0.1, 0.03], 0.99, "frozen", 1, 409),
        ([-0.1, 0.06], 0.99, "caution", 0, 200),
        ([0.9], 0.5, "unknown", 3, 503),
    ],
)
async def test_command_and_api_give_one_answer(
    tmp_path: Path, remaining: list[float], coverage: float, state: str, code: int, status: int
) -> None:
    with recorded(tmp_path, remaining, coverage) as prometheus:
        done = await asyncio.to_thread(monitor, tmp_path, prometheus.url, "gate", "availability", "--json")
        async with console(tmp_path, prometheus_url=prometheus.url) as (client, _):
            answer = await client.get(ROUTE)
            body = await answer.json()
    said = json.loads(done.stdout)
    assert (done.exit_code, answer.status) == (code, status)
    assert set(body) == FIELDS
    assert body == said
    assert (body["state"], body["allowed"]) == (state, {0: True, 1: False, 3: None}[code])
    assert (body["error_budget_remaining"], body["coverage"], body["override"]) == (remaining[-1], coverage, None)
    assert ("Retry-After" in answer.headers) == (status == 503)


async def test_an_override_lets_changes_out_for_a_while_and_is_kept(tmp_path: Path) -> None:
    with recorded(tmp_path, [-0.5]) as prometheus:
        async with console(tmp_path, prometheus_url=prometheus.url) as (client, store):
            assert (await client.get(ROUTE)).status == 409
            done = await asyncio.to_thread(
                monitor,
                tmp_path,
                prometheus.url,
                *("gate", "availability", "--override", "--reason", "fix for the leak", "--by", "ada", "--for", "2h"),
            )
            assert done.exit_code == 0, done.output
            assert "availability: frozen, changes may go out. Overridden by ada until" in done.output
            answer = await client.get(ROUTE)
            body = await answer.json()
            assert (answer.status, body["state"], body["allowed"]) == (200, "frozen", True)
            assert (body["override"]["by"], body["override"]["reason"]) == ("ada", "fix for the leak")
            assert (await client.get("/api/v1/slos/booking-success/gate")).status == 503
            page = await (await client.get("/slos/availability")).text()
            assert "Changes may go out, by an override" in page
            assert "<strong>ada</strong> for another" in page
            overview = await (await client.get("/")).text()
            assert "ada: fix for the leak" in overview
            assert "150.0% of the error budget of 30d is spent" in overview
            for method in ("POST", "PUT", "DELETE"):
                assert (await client.request(method, ROUTE)).status == 405
            catalogue = load(None, "local")
            slo = catalogue.slo("availability")
            assert slo is not None
            standing = await asyncio.to_thread(policy_standing.standing, prometheus, catalogue, slo, None)
            later = clock.now() + timedelta(hours=2)
            assert gates.gate(standing, store, later).override is None
        listed = await asyncio.to_thread(
            monitor, tmp_path, prometheus.url, "gate", "availability", "--history", "--json"
        )
    (kept,) = json.loads(listed.stdout)
    assert (kept["by"], kept["state"], kept["error_budget_remaining"]) == ("ada", "frozen", -0.5)
    assert clock.from_rfc3339(kept["until"]) - clock.from_rfc3339(kept["at"]) == timedelta(hours=2)


async def test_without_prometheus_nobody_can_say_and_an_override_still_counts(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, _):
        answer = await client.get(ROUTE)
        body = await answer.json()
        assert (answer.status, body["state"], body["allowed"]) == (503, "unknown", None)
        assert "cannot reach Prometheus" in body["reason"]
        assert (await client.get("/api/v1/slos/none/gate")).status == 404
        plain = await asyncio.to_thread(monitor, tmp_path, NOBODY, "gate", "availability")
        assert plain.exit_code == 3
        arguments = ("--override", "--reason", "Prometheus is down", "--by", "ada", "--for", "30m")
        assert (await asyncio.to_thread(monitor, tmp_path, NOBODY, "gate", "availability", *arguments)).exit_code == 0
        assert (await client.get(ROUTE)).status == 200


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--override", "--by", "ada", "--for", "1h"), "why (--reason"),
        (("--override", "--reason", "  ", "--by", "ada", "--for", "1h"), "why (--reason"),
        (("--override", "--reason", "x", "--by", "\x1b\u200b", "--for", "1h"), "who (--by"),
        (("--override", "--reason", "x", "--for", "1h"), "who (--by"),
        (("--override", "--reason", "x", "--by", "ada"), "ends by itself"),
        (("--override", "--reason", "x", "--by", "ada", "--for", "8d"), "at most 7d"),
        (("--override", "--reason", "x", "--by", "ada", "--for", "0"), "at most 7d"),
        (("--override", "--reason", "x", "--by", "ada", "--for", "soon"), "'soon' is not a duration"),
        (("--reason", "x"), "belong to --override"),
        (("--override", "--history"), "give one of them"),
    ],
)
def test_an_override_says_who_why_and_how_long(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    Store.migrate(tmp_path / "state" / "monitor.db").close()
    done = monitor(tmp_path, NOBODY, "gate", "availability", *arguments)
    assert done.exit_code == 2, done.output
    assert why in done.output
    listed = monitor(tmp_path, NOBODY, "gate", "availability", "--history", "--json")
    assert json.loads(listed.stdout) == []


async def test_what_does_not_count_holds_no_gate_and_is_told_everywhere(tmp_path: Path) -> None:
    """For hours thrice the budget was spent; then two people agreed that two thirds of that do not count."""
    bad, total, coverage, allowed = 15_000.0, 1e7, 0.99, 0.0005
    before = 1 - bad / total / allowed * coverage
    after = 1 - (bad - 10_150) / (total - 15_000) / allowed * coverage
    with recorded(tmp_path, [before] * 4, coverage, {names.BAD_SUM: bad, names.TOTAL_SUM: total}) as prometheus:
        async with console(tmp_path, prometheus_url=prometheus.url) as (client, store):
            SloHistory(store).correct(maintenance(bad=10_150, total=15_000))
            gate, listed, shown, table = [
                await asyncio.to_thread(monitor, tmp_path, prometheus.url, *words)
                for words in (
                    ("gate", "availability", "--json"),
                    ("slo", "list", "--json"),
                    ("slo", "show", "availability", "--json"),
                    ("slo", "list"),
                )
            ]
            answers = [await client.get(url) for url in (ROUTE, "/api/v1/slos", "/api/v1/slos/availability")]
            by_api = [await answer.json() for answer in answers]
            page = await (await client.get("/slos/availability")).text()
    assert (gate.exit_code, answers[0].status) == (0, 200)
    rows = [row for one in (json.loads(listed.stdout), by_api[1]) for row in one if row["name"] == "availability"]
    for one in (json.loads(gate.stdout), by_api[0], *rows, json.loads(shown.stdout), by_api[2]):
        assert one["error_budget_remaining"] == pytest.approx(after, rel=1e-6)
        assert one["before_corrections"]["error_budget_remaining"] == pytest.approx(before, rel=1e-6)
    # Nearly all of the budget is spent: what was recorded in those hours would hold the gate shut.
    assert by_api[0]["state"] == "caution"
    assert "297.0% before corrections" in by_api[0]["reason"]
    assert "before corrections" in table.stdout
    assert "Before corrections" in page


def maintenance(*, bad: float, total: float) -> Correction:
    end = clock.now().replace(microsecond=0) - timedelta(days=10)
    start = end - timedelta(hours=2)
    return Correction(
        id="correction-1",
        slo="availability",
        at=end + timedelta(hours=1),
        start=start,
        end=end,
        reason="new switch",
        by="Ada",
        approved_by="Grace",
        parts=(Part(start=start, end=end, total=total, bad=bad),),
    )


def test_an_slo_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    done = monitor(tmp_path, NOBODY, "gate", "nothing")
    assert done.exit_code == 2
    assert "has no SLO 'nothing'; it has: " in done.output


def test_a_frozen_gate_is_frozen_where_no_store_was_made(tmp_path: Path) -> None:
    with recorded(tmp_path, [-0.1]) as prometheus:
        done = monitor(tmp_path / "nowhere", prometheus.url, "gate", "availability")
    assert done.exit_code == 1
    assert "whether there is an override is not known" in done.stderr


def test_gate_list_and_report_show_the_same_budget(tmp_path: Path) -> None:
    overrides = {"evaluation_interval": "1s", "scrape_interval": "1s", "rollup_interval": "2s"}
    whole = load(None, "local", environment_overrides=overrides)
    (slo,) = (slo for slo in whole.slos if slo.name == "availability")
    catalogue = replace(whole, slos=(slo,))
    short, long = (outputs(catalogue)[f"rules/prometheus/slo-availability{kind}.yml"] for kind in ("", "-long"))
    with serve(past(), tmp_path, rules=short + long.partition("groups:\n")[2]) as prometheus:
        deadline = time.monotonic() + 90
        while (found := policy_standing.standing(prometheus, catalogue, slo, None)).error_budget_remaining is None:
            assert time.monotonic() < deadline, "nothing was recorded"
            time.sleep(0.5)
        (status,) = slo_statuses(prometheus, catalogue)
        (result,) = make_report(prometheus, None, catalogue, parse("30d", now=clock.now(), time_zone="UTC")).slos
    assert status.error_budget_remaining is not None
    assert found.error_budget_remaining == pytest.approx(status.error_budget_remaining, abs=1e-4)
    assert found.coverage == pytest.approx(status.coverage, abs=1e-4)
    assert found.error_budget_remaining == pytest.approx(result.budget_left, abs=0.01)
