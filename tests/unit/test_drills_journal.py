"""How a drill is judged, and what its journal says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from monitor.catalogue.model import DrillPlan
from monitor.drills.journal import Journal, Step, conclude, verdicts

AT = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
PLAN = DrillPlan(
    name="primary-killed",
    title="The MongoDB primary dies",
    breaking=True,
    targets={"failover_seconds": Decimal(5), "acknowledged_lost": Decimal(0)},
)


@pytest.mark.parametrize(
    ("measured", "faults", "outcome", "reason"),
    [
        ({"failover_seconds": 5.0, "acknowledged_lost": 0}, (), "passed", "failover 5 s (at most 5 s)"),
        ({"failover_seconds": 5.001, "acknowledged_lost": 0}, (), "failed", "failover 5.001 s (at most 5 s)"),
        ({"failover_seconds": 2.0, "acknowledged_lost": 1}, (), "failed", "acknowledged lost 1 (at most 0)"),
        ({"failover_seconds": 2.0}, (), "unknown", "acknowledged lost not measured (at most 0)"),
        ({"failover_seconds": 9.0}, (), "failed", "failover 9 s (at most 5 s)"),
        ({"failover_seconds": 2.0, "acknowledged_lost": 0}, ("rollback failed: x",), "failed", "rollback failed: x"),
    ],
)
def test_a_drill_passes_only_if_every_target_was_measured_and_met(
    measured: dict[str, Any], faults: tuple[str, ...], outcome: str, reason: str
) -> None:
    judged, why = conclude(verdicts(PLAN, measured), faults)
    assert judged == outcome
    assert reason in why


def journal(**fields: Any) -> dict[str, Any]:
    return Journal(id="x", drill="primary-killed", title="The MongoDB primary dies", started_at=AT, **fields).body()


def test_a_drill_that_was_killed_leaves_a_journal_that_says_running_and_unknown() -> None:
    body = journal()
    assert (body["outcome"], body["status"], body["finished_at"], body["duration"]) == (
        "unknown",
        "running",
        None,
        None,
    )


def test_the_journal_is_one_that_chaos_toolkit_readers_understand() -> None:
    steps = (
        Step(at=AT, kind="guard", what="environment local is armed"),
        Step(at=AT, kind="steady-before", what="all 13 components are healthy"),
        Step(at=AT, kind="action", what="killed mongo-1"),
        Step(at=AT, kind="rollback", what="released mongo-1"),
        Step(at=AT, kind="steady-after", what="mongo-1 is stopped", ok=False),
    )
    body = journal(finished_at=AT + timedelta(seconds=90), outcome="failed", reason="x", steps=steps)
    assert (body["status"], body["deviated"], body["duration"]) == ("completed", True, 90.0)
    assert body["steady_states"]["before"]["steady_state_met"] is True
    assert body["steady_states"]["after"]["steady_state_met"] is False
    assert [run["activity"]["name"] for run in body["run"]] == ["killed mongo-1"]
    assert [rollback["status"] for rollback in body["rollbacks"]] == ["succeeded"]
    assert len(body["steps"]) == 5


def test_a_drill_broken_off_before_the_steady_state_says_that_it_is_not_known() -> None:
    body = journal(finished_at=AT, outcome="aborted", reason="broken off")
    assert body["steady_states"]["after"] == {"steady_state_met": None, "probes": []}
    assert body["status"] == "interrupted"
