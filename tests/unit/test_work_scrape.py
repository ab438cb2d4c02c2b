"""What the metrics of ``monitor work`` say: newest counts, and the unknown has no sample."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from prometheus_client import CollectorRegistry

from monitor import clock
from monitor.backup.model import ListedBackup
from monitor.store import Record, RecordKind
from monitor.work.app import counting
from monitor.work.job import Done
from monitor.work.jobs import UPKEEP
from monitor.work.runner import Run
from monitor.work.scrape import Evidence, sampled

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def record(kind: RecordKind, record_id: str, minutes: float, **body: Any) -> Record:
    return Record(kind=kind, id=record_id, at=ago(minutes), body=body)


def listed(backup_id: str, minutes: float, state: Literal["complete", "damaged"] = "complete") -> ListedBackup:
    return ListedBackup(id=backup_id, state=state, type="full", at=ago(minutes), recovery_point=ago(minutes))


def metrics(**known: Any) -> dict[str, dict[tuple[str, ...], float]]:
    nothing: dict[str, Any] = {
        "now": NOW,
        "backups": (),
        "backup_runs": (),
        "verifications": (),
        "verdicts": {},
        "drills": (),
        "drill_running": "",
        "jobs": (),
    }
    return {metric.name: values for metric, values in sampled(Evidence(**(nothing | known))) if values}


def test_a_job_s_first_run_is_seen_whatever_its_outcome() -> None:
    registry = CollectorRegistry()
    watch = counting([UPKEEP], registry)

    def told(outcome: str) -> float | None:
        labels = {"job": UPKEEP.name, "outcome": outcome}
        return registry.get_sample_value("monitor_job_runs_total", labels)

    assert [told(outcome) for outcome in ("passed", "failed", "aborted", "unknown")] == [0, 0, 0, 0]
    done = Done(outcome="unknown")
    watch(Run(job=UPKEEP.name, started_at=NOW, finished_at=NOW, duration_seconds=0, done=done))
    assert told("unknown") == 1


def test_nothing_known_is_no_sample_at_all() -> None:
    assert metrics() == {}
    assert metrics(backups=None) == {}


def test_the_recovery_point_is_that_of_the_newest_sound_backup() -> None:
    backups = (listed("c", 5, "damaged"), listed("b", 10), listed("a", 40))
    assert metrics(backups=backups)["dr_rpo_seconds"] == {("local",): 600.0}
    found = metrics(backups=backups, verdicts={"b": "failed", "a": "passed"})
    assert found["dr_rpo_seconds"] == {("local",): 2400.0}
    assert found["dr_recovery_point_timestamp_seconds"] == {(): ago(40).timestamp()}


def test_the_oplog_leads_further_than_the_backups_and_never_less_far() -> None:
    backups = (listed("a", 40),)
    found = metrics(backups=backups, captured=ago(0.5))
    assert found["dr_rpo_seconds"] == {("local",): 2400.0, ("primary",): 30.0}
    found = metrics(backups=backups, captured=ago(60))
    assert found["dr_rpo_seconds"] == {("local",): 2400.0, ("primary",): 2400.0}
    assert "dr_rpo_seconds" not in metrics(captured=ago(1)), "there is nothing to begin with"


def test_a_backup_that_was_deleted_no_longer_counts() -> None:
    run: dict[str, Any] = {"type": "full", "outcome": "passed", "finished_at": clock.to_rfc3339(ago(5))}
    run |= {"bytes": 7, "duration_seconds": 1.5}
    runs = (record("backup", "gone", 5, **run),)
    assert metrics(backup_runs=runs) == {}
    found = metrics(backup_runs=runs, backups=(listed("gone", 6),))
    assert found["dr_backup_last_success_timestamp_seconds"] == {("full",): ago(5).timestamp()}
    assert found["dr_backup_size_bytes"] == {("full",): 7.0}


def test_a_backup_taken_without_the_store_counts_by_its_manifest() -> None:
    found = metrics(backups=(listed("a", 9),))
    assert found["dr_backup_last_success_timestamp_seconds"] == {("full",): ago(9).timestamp()}
    assert "dr_backup_size_bytes" not in found


def test_a_verification_without_a_verdict_changes_nothing() -> None:
    unknown = record("verification", "v3", 1, outcome="unknown", at=clock.to_rfc3339(ago(1)))
    passed = record("verification", "v2", 9, outcome="passed", at=clock.to_rfc3339(ago(9)), restore_seconds=3.5)
    assert metrics(verifications=(unknown,)) == {}
    found = metrics(verifications=(unknown, passed))
    assert found["dr_backup_verification_success"] == {(): 1.0}
    assert found["dr_backup_verified_timestamp_seconds"] == {(): ago(9).timestamp()}
    assert found["dr_restore_seconds"] == {(): 3.5}


def test_a_failed_verification_is_told_and_the_last_good_one_kept() -> None:
    failed = record("verification", "v3", 1, outcome="failed", at=clock.to_rfc3339(ago(1)), restore_seconds=None)
    passed = record("verification", "v2", 9, outcome="passed", at=clock.to_rfc3339(ago(9)), restore_seconds=3.5)
    found = metrics(verifications=(failed, passed))
    assert found["dr_backup_verification_success"] == {(): 0.0}
    assert found["dr_backup_verified_timestamp_seconds"] == {(): ago(9).timestamp()}


def test_a_drill_that_runs_or_was_broken_off_has_no_result() -> None:
    def drill(minutes: float, outcome: str, *, finished: bool = True, **measured: float | None) -> Record:
        at = clock.to_rfc3339(ago(minutes)) if finished else None
        body = {"drill": "primary-killed", "outcome": outcome, "finished_at": at, "measurements": measured}
        return record("drill", str(minutes), minutes, **body)

    running, aborted = drill(0, "unknown", finished=False), drill(5, "aborted", failover_seconds=None)
    found = metrics(drills=(running, aborted), drill_running="primary-killed")
    assert found == {"dr_drill_running": {("primary-killed",): 1.0}}
    passed = drill(60, "passed", failover_seconds=2.1, acknowledged_lost=0)
    found = metrics(drills=(running, aborted, drill(9, "failed", failover_seconds=7.5), passed))
    assert found["dr_drill_result"] == {("primary-killed",): 0.0}
    assert found["dr_drill_last_success_timestamp_seconds"] == {("primary-killed",): ago(60).timestamp()}
    assert found["dr_failover_seconds"] == {("primary-killed",): 7.5}
    assert found["dr_acknowledged_writes_lost"] == {("primary-killed",): 0.0}
    assert found["dr_drill_running"] == {("primary-killed",): 0.0}


def test_a_calendar_window_is_told_while_it_is_fresh_and_only_what_is_known_of_it() -> None:
    body = {"slo": "sla", "slo_service": "clinic", "window": "1M", "error_budget_remaining": None, "coverage": 0.5}
    fresh, stale = record("calendar", "sla", 1, **body, sli=0.999), record("calendar", "old", 11, **body, sli=1.0)
    found = metrics(calendar=(fresh, stale))
    assert found == {
        "slo_calendar_sli_ratio": {("sla", "clinic", "1M"): 0.999},
        "slo_calendar_coverage_ratio": {("sla", "clinic", "1M"): 0.5},
    }
