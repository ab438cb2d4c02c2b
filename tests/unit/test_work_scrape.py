"""What the metrics of ``monitor work`` say: newest counts, and the unknown has no sample."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest
from prometheus_client import CollectorRegistry

from monitor import clock
from monitor.backup.model import ClusterTime, ListedBackup
from monitor.backup.oplog.anchor import Anchor
from monitor.store import Record, RecordKind
from monitor.work import backups
from monitor.work.app import counting
from monitor.work.job import Bench, Done
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
        "condemned": frozenset(),
        "drills": (),
        "drill_running": "",
        "jobs": (),
    }
    found = {metric.name: values for metric, values in sampled(Evidence(**(nothing | known))) if values}
    # Told whatever else is known; its own test looks at both values.
    if found["dr_offsite_configured"] == {(): 0.0}:
        del found["dr_offsite_configured"]
    return found


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
    found = metrics(backups=backups, condemned=frozenset({"b"}))
    assert found["dr_rpo_seconds"] == {("local",): 2400.0}
    assert found["dr_recovery_point_timestamp_seconds"] == {(): ago(40).timestamp()}


def anchor(end: float, since: float) -> Anchor:
    first, last = (ClusterTime(time=int(ago(minutes).timestamp()), increment=1) for minutes in (since, end))
    return Anchor(replica_set="rs0", key="k", digest="d", end=last, since=first)


def test_the_oplog_leads_further_than_the_backups_and_never_less_far() -> None:
    backups = (listed("a", 40),)
    found = metrics(backups=backups, captured=(anchor(0.5, 50),))
    assert found["dr_rpo_seconds"] == {("local",): 30.0}
    assert found["dr_recovery_point_timestamp_seconds"] == {(): ago(0.5).timestamp()}
    assert found["dr_oplog_captured_timestamp_seconds"] == {(): ago(0.5).timestamp()}
    assert found["dr_oplog_window_seconds"] == {(): 49.5 * 60}
    # A timeline that began after the newest backup leads nowhere yet.
    for late in (anchor(60, 70), anchor(0.5, 10)):
        assert metrics(backups=backups, captured=(late,))["dr_rpo_seconds"] == {("local",): 2400.0}
    assert "dr_rpo_seconds" not in metrics(captured=(anchor(1, 2),)), "there is nothing to begin with"


def test_a_broken_history_is_counted_by_why_and_each_reason_is_there_from_the_start() -> None:
    findings = [record("capture", str(n), n, reason=why) for n, why in enumerate(("first", "gap", "put back", "gap"))]
    found = metrics(captured=(anchor(1, 2),), findings=tuple(findings))["dr_oplog_gaps_total"]
    assert found == {("gap",): 2.0, ("put_back",): 1.0, ("damaged",): 0.0, ("restored",): 0.0}


def test_what_counts_is_the_copy_that_outlives_the_primary_site() -> None:
    here: dict[str, Any] = {"backups": (listed("a", 40),), "captured": (anchor(0.5, 50),), "has_offsite": True}
    found = metrics(**here, offsite=ago(20))
    assert found["dr_rpo_seconds"] == {("local",): 30.0, ("offsite",): 1200.0}
    assert found["dr_recovery_point_timestamp_seconds"] == {(): ago(20).timestamp()}
    assert found["dr_offsite_lag_seconds"] == {(): 1170.0}
    assert found["dr_offsite_configured"] == {(): 1.0}
    unknown = metrics(**here)
    assert unknown["dr_rpo_seconds"] == {("local",): 30.0}
    assert "dr_recovery_point_timestamp_seconds" not in unknown, "a copy that nobody has seen is not known to be there"


def test_a_size_is_held_against_the_median_of_seven() -> None:
    sizes = [3, 8, 10, 10, 10, 10, 10, 90]
    for least, expected in ((1, {}), (1024 * 1024, {("full",): 0.3})):
        body: dict[str, Any] = {"type": "full", "outcome": "passed", "duration_seconds": 1.0}
        body |= {"finished_at": clock.to_rfc3339(ago(1))}
        runs = tuple(record("backup", f"b{n}", n, **body, bytes=size * least) for n, size in enumerate(sizes))
        there = tuple(listed(run.id, 1) for run in runs)
        found = metrics(backup_runs=runs, backups=there)
        assert found.get("dr_backup_size_ratio", {}) == expected
        assert "dr_backup_size_ratio" not in metrics(backup_runs=runs[:7], backups=there)


def test_the_parts_of_a_set_are_told_by_type_and_half_a_set_is_none() -> None:
    body = {"started_at": clock.to_rfc3339(ago(9)), "finished_at": clock.to_rfc3339(ago(8))}
    parts = (
        record("redis", "x/v", 1, backup="x", outcome="passed", at=clock.to_rfc3339(ago(1))),
        record("redis", "x", 8, **body, bytes=5),
        record("configuration", "y", 8, **body, bytes=6),
        record("set", "s2", 7, **body | {"finished_at": clock.to_rfc3339(ago(7))}, missing=["redis: away"]),
        record("set", "s1", 8, **body, missing=[]),
    )
    found = metrics(parts=parts)
    eight = ago(8).timestamp()
    expected = {("redis",): eight, ("configuration",): eight, ("set",): eight}
    assert found["dr_backup_last_success_timestamp_seconds"] == expected
    assert found["dr_backup_size_bytes"] == {("redis",): 5.0, ("configuration",): 6.0}
    assert found["dr_backup_duration_seconds"] == dict.fromkeys(expected, 60.0)


def test_erasures_are_counted_where_a_list_is_kept() -> None:
    assert metrics(erasures=0) == {"dr_erasures": {(): 0.0}}


def test_a_backup_that_was_deleted_no_longer_counts() -> None:
    run: dict[str, Any] = {"type": "full", "outcome": "passed", "finished_at": clock.to_rfc3339(ago(5))}
    run |= {"bytes": 7, "duration_seconds": 1.5}
    runs = (record("backup", "gone", 5, **run),)
    assert metrics(backup_runs=runs) == {}
    found = metrics(backup_runs=runs, backups=(listed("gone", 6),))
    assert found["dr_backup_last_success_timestamp_seconds"] == {("full",): ago(5).timestamp()}
    assert found["dr_backup_size_bytes"] == {("full",): 7.0}


def test_what_was_noted_while_a_clock_was_wrong_counts_for_nothing_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one backup of next year would put off every other, and no alert would tell."""
    wrong, right = listed("b", -600), listed("a", 600)
    runs = (record("backup", "b", -600, type="full", outcome="passed", finished_at=clock.to_rfc3339(ago(-600))),)
    assert metrics(backups=(wrong, right), backup_runs=runs)["dr_backup_last_success_timestamp_seconds"] == {
        ("full",): ago(600).timestamp()
    }
    bench = SimpleNamespace(settings=None, lookout=SimpleNamespace(backups=lambda _: (wrong, right)))
    monkeypatch.setattr(backups, "now", lambda: NOW)
    assert backups.newest_backup(cast("Bench", bench)) == ago(600)


def test_a_backup_taken_without_the_store_counts_by_its_manifest() -> None:
    found = metrics(backups=(listed("a", 9),))
    assert found["dr_backup_last_success_timestamp_seconds"] == {("full",): ago(9).timestamp()}
    assert "dr_backup_size_bytes" not in found


def test_a_verification_without_a_verdict_changes_nothing() -> None:
    unknown = record("verification", "v3", 1, outcome="unknown", at=clock.to_rfc3339(ago(1)))
    passed = record("verification", "v2", 9, outcome="passed", at=clock.to_rfc3339(ago(9)), restore_seconds=3.5)
    passed.body["prediction"] = {"seconds": 70.5}
    assert metrics(verifications=(unknown,)) == {}
    found = metrics(verifications=(unknown, passed))
    assert found["dr_backup_verification_success"] == {(): 1.0}
    assert found["dr_backup_verified_timestamp_seconds"] == {(): ago(9).timestamp()}
    assert found["dr_restore_seconds"] == {(): 3.5}
    assert found["dr_restore_predicted_seconds"] == {(): 70.5}


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
