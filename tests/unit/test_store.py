from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import clock
from monitor.errors import Unavailable
from monitor.store import ComponentChange, Store
from monitor.store_alerts import AlertRecord, Alerts
from monitor.store_upkeep import ALERTS_KEPT_FOR, KEPT_FOR, KEPT_OF_EACH, prune

NOW = clock.from_rfc3339("2026-11-22T17:15:00Z")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.migrate(tmp_path / "state" / "monitor.db")


def an_alert(**changes: object) -> AlertRecord:
    values = {
        "fingerprint": "f1",
        "labels": {"alertname": "A"},
        "state": "firing",
        "starts_at": NOW,
        "received_at": NOW,
    }
    return AlertRecord(**(values | changes))  # type: ignore[arg-type]  # a test's shorthand


def test_migrating_twice_changes_nothing(store: Store) -> None:
    store.put("job", "one", {"outcome": "passed"}, at=NOW)
    again = Store.migrate(store.path)
    assert [record.id for record in again.records("job")] == ["one"]


def test_opening_waits_for_the_schema_that_work_makes(tmp_path: Path) -> None:
    path = tmp_path / "state" / "monitor.db"
    threading.Timer(0.3, lambda: Store.migrate(path).close()).start()
    assert Store.open(path, wait_s=5).components() == ()


def test_a_store_that_nobody_made_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="monitor work"):
        Store.open(tmp_path / "monitor.db", wait_s=0)


def test_writes_within_a_transaction_are_all_or_nothing(store: Store) -> None:
    def two(second: AlertRecord) -> None:
        with store.transaction():
            Alerts(store).record(an_alert())
            Alerts(store).record(second)

    with pytest.raises(TypeError):
        two(an_alert(fingerprint="f2", labels={"alertname": object()}))
    assert Alerts(store).firing() == ()
    two(an_alert(fingerprint="f2"))
    assert {alert.fingerprint for alert in Alerts(store).firing()} == {"f1", "f2"}


def test_what_fires_beside_one_alert_is_found_without_walking_through_all_that_fire(store: Store) -> None:
    with store.transaction():
        for number in range(500):
            Alerts(store).record(an_alert(fingerprint=f"f{number}"))
    steps: list[None] = []
    store._connection.set_progress_handler(lambda: steps.append(None), 10)
    assert [alert.starts_at for alert in Alerts(store).firing_beside("f7", NOW - timedelta(hours=1))] == [NOW]
    assert len(steps) < 50


def test_records_come_newest_first_and_only_since_then(store: Store) -> None:
    for hours in (3, 1, 2):
        store.put("backup", f"b{hours}", {"hours": hours}, at=NOW - timedelta(hours=hours))
    assert [record.id for record in store.records("backup")] == ["b1", "b2", "b3"]
    assert [record.id for record in store.records("backup", since=NOW - timedelta(hours=2))] == ["b1", "b2"]
    assert store.records("verification") == ()
    found = store.get("backup", "b2")
    assert found is not None
    assert found.body == {"hours": 2}
    assert store.get("backup", "absent") is None


def test_records_within_one_second_keep_their_order(store: Store) -> None:
    store.put("job", "whole", {}, at=NOW)
    store.put("job", "later", {}, at=NOW + timedelta(milliseconds=250))
    assert [record.id for record in store.records("job")] == ["later", "whole"]
    assert [record.id for record in store.records("job", since=NOW)] == ["later", "whole"]


def test_a_repeated_notification_keeps_when_it_was_first_received(store: Store) -> None:
    Alerts(store).record(an_alert())
    Alerts(store).record(an_alert(received_at=NOW + timedelta(minutes=5)))
    (alert,) = Alerts(store).newest()
    assert alert.received_at == NOW
    assert alert.state == "firing"


def test_resolving_closes_the_episode_and_a_late_repeat_does_not_reopen_it(store: Store) -> None:
    Alerts(store).record(an_alert())
    later = NOW + timedelta(minutes=2)
    Alerts(store).record(an_alert(state="resolved", ends_at=later, received_at=later))
    Alerts(store).record(an_alert(received_at=later + timedelta(seconds=1)))
    (alert,) = Alerts(store).newest()
    assert (alert.state, alert.ends_at, alert.received_at) == ("resolved", later, NOW)


def test_what_fires_long_after_its_end_had_not_ended(store: Store) -> None:
    """Prometheus hung for five minutes, and Alertmanager took that for the end: then the same episode fires again."""
    Alerts(store).record(an_alert())
    end, later = NOW + timedelta(minutes=2), NOW + timedelta(minutes=7)
    Alerts(store).record(an_alert(state="resolved", ends_at=end, received_at=end))
    Alerts(store).record(an_alert(received_at=later))
    (alert,) = Alerts(store).newest()
    assert (alert.state, alert.ends_at, alert.received_at) == ("firing", None, NOW)
    assert [event.state for event in Alerts(store).events(alert.fingerprint, NOW)] == ["firing", "resolved", "returned"]
    Alerts(store).record(an_alert(state="resolved", ends_at=later, received_at=later))
    assert [(one.state, one.ends_at) for one in Alerts(store).newest()] == [("resolved", later)]


def test_an_episode_that_a_newer_one_followed_stays_over(store: Store) -> None:
    newer, later = NOW + timedelta(minutes=2), NOW + timedelta(minutes=7)
    Alerts(store).record(an_alert(state="resolved", ends_at=newer))
    Alerts(store).record(an_alert(starts_at=newer, received_at=newer))
    Alerts(store).record(an_alert(received_at=later))
    assert [alert.starts_at for alert in Alerts(store).firing()] == [newer]


def test_the_same_alert_firing_again_is_a_new_episode(store: Store) -> None:
    Alerts(store).record(an_alert(state="resolved", ends_at=NOW))
    Alerts(store).record(an_alert(starts_at=NOW + timedelta(hours=1), received_at=NOW + timedelta(hours=1)))
    assert [alert.state for alert in Alerts(store).newest()] == ["firing", "resolved"]
    assert [alert.state for alert in Alerts(store).newest(state="firing")] == ["firing"]


def test_a_component_is_shown_in_its_newest_state(store: Store) -> None:
    for name, state in (("redis", "starting"), ("edge", "starting"), ("redis", "healthy")):
        store.record_component(ComponentChange(name=name, at=NOW, state=state, reason="", address=""))
    assert [(change.name, change.state) for change in store.components()] == [
        ("redis", "healthy"),
        ("edge", "starting"),
    ]
    assert len(store.component_changes(since=NOW)) == 3


def test_many_writers_lose_nothing(store: Store) -> None:
    def write(worker: int) -> None:
        with Store.open(store.path) as mine:
            for number in range(25):
                mine.put("job", f"{worker}-{number}", {})

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.records("job")) == 100


def test_the_last_success_of_a_rare_job_is_found_behind_any_number_of_other_runs(store: Store) -> None:
    store.put("job", "report", {"job": "monthly-report", "outcome": "passed"}, at=NOW - timedelta(days=20))
    with sqlite3.connect(store.path) as connection:
        connection.executemany(
            "INSERT INTO records (kind, id, at, body) VALUES ('job', ?, '2026-11-22T17:15:00.000Z', ?)",
            [(f"b{number}", '{"job": "backup", "outcome": "passed"}') for number in range(1200)],
        )
    found = store.newest_job("monthly-report", "passed", NOW)
    assert found is not None
    assert found.at == NOW - timedelta(days=20)
    assert store.newest_job("monthly-report", "failed", NOW) is None
    assert store.newest_job("monthly-report", "passed", NOW - timedelta(days=21)) is None
    assert [record.body["job"] for record in store.newest_jobs()] == ["backup", "monthly-report"]


def test_pruning_keeps_the_newest_run_of_each_job_and_outcome(store: Store) -> None:
    old = NOW - KEPT_FOR
    for days, outcome in ((3, "passed"), (2, "passed"), (1, "failed")):
        body = {"job": "monthly-report", "outcome": outcome}
        store.put("job", f"{outcome}-{days}", body, at=old - timedelta(days=days))
    store.put("job", "new", {"job": "backup", "outcome": "passed"}, at=NOW)
    store.put("backup", "old", {}, at=old - timedelta(days=9))
    assert prune(store, NOW) == 1
    assert [record.id for record in store.records("job")] == ["new", "failed-1", "passed-2"]
    assert len(store.records("backup")) == 1


def test_pruning_bounds_what_happens_all_the_time(store: Store) -> None:
    with sqlite3.connect(store.path) as connection:
        connection.executemany(
            "INSERT INTO component_changes VALUES ('redis', '2026-11-22T17:15:00.000Z', ?, '', '')",
            [(f"s{number}",) for number in range(KEPT_OF_EACH + 10)],
        )
    assert prune(store, NOW) == 9
    changes = store.component_changes(since=NOW)
    assert (changes[0].state, changes[1].state, changes[-1].state) == ("s0", "s10", f"s{KEPT_OF_EACH + 9}")


def test_resolved_episodes_are_kept_for_years_and_what_fires_for_as_long_as_it_does(store: Store) -> None:
    ages = {"old": ALERTS_KEPT_FOR + timedelta(days=1), "last year's": timedelta(days=700)}
    for name, age in ages.items():
        for state in ("resolved", "firing"):
            at = NOW - age
            Alerts(store).record(an_alert(fingerprint=f"{name}, {state}", state=state, starts_at=at, received_at=at))
    assert prune(store, NOW) == 1
    assert {alert.fingerprint for alert in Alerts(store).newest()} == {
        "old, firing",
        "last year's, resolved",
        "last year's, firing",
    }
    assert Alerts(store).events("old, resolved", NOW - ages["old"]) == ()
    assert Alerts(store).events("last year's, resolved", NOW - ages["last year's"])


def test_an_alert_that_never_stops_flapping_does_not_fill_the_disk(store: Store) -> None:
    for number in range(KEPT_OF_EACH + 3):
        at = NOW - timedelta(minutes=number)
        Alerts(store).record(an_alert(state="resolved", starts_at=at, received_at=at))
    assert prune(store, NOW) == 3
    assert len(Alerts(store).newest(limit=KEPT_OF_EACH + 3)) == KEPT_OF_EACH


def test_every_alert_that_fires_is_known_however_many_do(store: Store) -> None:
    for number in range(600):
        Alerts(store).record(an_alert(fingerprint=f"f{number}"))
    assert len(Alerts(store).firing()) == 600
    assert [alert.fingerprint for alert in Alerts(store).firing_beside("f7", NOW + timedelta(seconds=1))] == ["f7"]
    assert Alerts(store).firing_beside("f7", NOW) == ()


def test_the_timeline_of_an_episode_says_what_became_known_when(store: Store) -> None:
    later = NOW + timedelta(minutes=2)
    Alerts(store).record(an_alert())
    Alerts(store).record(an_alert(state="resolved", ends_at=later, received_at=later), event="forgotten")
    Alerts(store).record(an_alert(fingerprint="f2"))
    events = Alerts(store).events("f1", NOW)
    assert [(event.state, event.at) for event in events] == [("firing", NOW), ("forgotten", later)]


@pytest.mark.parametrize("use", [lambda path: Store.open(path, wait_s=0), Store.migrate, Store])
@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no database, only words " * 100, "is damaged or no database"), (None, "cannot be used")],
    ids=["garbage", "a directory"],
)
def test_a_state_file_that_cannot_be_used_is_named_with_what_to_do(
    tmp_path: Path, use: Callable[[Path], Store], content: bytes | None, said: str
) -> None:
    path = tmp_path / "monitor.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(Unavailable, match=rf"monitor\.db {said}"):
        use(path)
