"""How good alerts are, from what was received and done."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor import clock
from monitor.cli import main
from monitor.compliance.alert_answers import fates
from monitor.compliance.alert_quality import alert_quality
from monitor.store import Store
from monitor.store_actions import Action, ActionKind, Actions
from monitor.store_alerts import AlertRecord, Alerts
from monitor.store_suppressed import Suppressed, Suppressions
from monitor.store_upkeep import ALERTS_KEPT_FOR, prune
from monitor.web.scrape_quality import families

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=14)
MINUTE = timedelta(minutes=1)


def episode(name: str, at: int, *, lasted: int | None = 30, severity: str = "critical", **labels: str) -> AlertRecord:
    begun = START + at * MINUTE
    return AlertRecord(
        fingerprint=name,
        labels={"alertname": name, "severity": severity} | labels,
        state="firing" if lasted is None else "resolved",
        starts_at=begun,
        received_at=begun,
        ends_at=None if lasted is None else begun + lasted * MINUTE,
    )


def action(name: str, at: int, after: int, kind: ActionKind = "acknowledged") -> Action:
    begun = START + at * MINUTE
    return Action(fingerprint=name, starts_at=begun, at=begun + after * MINUTE, kind=kind, who="A")


def test_what_somebody_did_about_an_alert_is_its_precision() -> None:
    episodes = [
        episode("Down", 0),
        episode("Down", 100, lasted=2),
        episode("Down", 200),
        episode("Down", 300, lasted=None),
    ]
    actions = [action("Down", 0, 3), action("Down", 0, 9), action("Down", 200, 5, "silenced")]
    report = alert_quality(episodes, actions, {"Down": "critical", "Other": "warning"}, start=START, end=END)
    (down,) = report.alerts
    assert (down.fired, down.flaps, down.per_week) == (4, 1, 2.0)
    # The one that still fires may yet be answered.
    assert down.acted_on == pytest.approx(2 / 3)
    assert down.silenced == 0.25
    assert down.acknowledged_after == 4 * MINUTE
    assert down.resolved_after == 30 * MINUTE
    assert report.never_fired == ("Other",)
    assert report.pages_per_week == 2.0


def test_what_fires_all_the_time_is_not_called_never_fired() -> None:
    """Or the worst of all, an alert that nobody switches off, would be listed as one that may not work."""
    episodes = [
        episode("Forever", -9000, lasted=None),
        episode("Ended", -9000, lasted=9010),
        episode("Before", -9000, lasted=10),
    ]
    known = dict.fromkeys(("Forever", "Ended", "Before"), "warning")
    report = alert_quality(episodes, [], known, start=START, end=END)
    assert (report.alerts, report.never_fired) == ((), ("Before",))


def test_whoever_acts_first_is_the_first_in_whatever_order_it_was_written_down() -> None:
    actions = [action("Down", 0, 9), action("Down", 0, 3)]
    (down,) = alert_quality([episode("Down", 0)], actions, {}, start=START, end=END).alerts
    assert down.acknowledged_after == 3 * MINUTE


def test_what_is_noted_when_all_is_over_is_no_quick_answer_and_no_slow_one() -> None:
    """A line added for the postmortem, two days later, made a median of two days."""
    actions = [action("Down", 0, 2 * 24 * 60, "noted"), action("Down", 100, 4), action("Down", 100, 5000, "noted")]
    episodes = [episode("Down", 0), episode("Down", 100)]
    (down,) = alert_quality(episodes, actions, {}, start=START, end=END).alerts
    assert (down.acknowledged_after, down.acted_on) == (4 * MINUTE, 1.0)


@pytest.mark.parametrize(("remembered", "a_week"), [(30, 1.0), (14, 1.0), (10, 1.4), (7, 2.0), (1, 2.0)])
def test_a_week_is_one_of_the_time_that_is_known(remembered: int, a_week: float) -> None:
    """Two pages on the first day are no two pages in two weeks."""
    pages = [episode("Down", 14 * 24 * 60 - minutes) for minutes in (60, 120)]
    began = END - timedelta(days=remembered)
    report = alert_quality(pages, [], {}, start=START, end=END, began=began)
    assert report.pages_per_week == pytest.approx(a_week)
    assert report.alerts[0].per_week == pytest.approx(a_week)
    assert report.since == max(START, began)


def test_nobody_answers_before_it_began_whatever_the_clocks_say() -> None:
    (down,) = alert_quality([episode("Down", 5)], [action("Down", 5, -3)], {}, start=START, end=END).alerts
    assert down.acknowledged_after == timedelta(0)


def test_drills_the_watchdog_and_other_times_do_not_count() -> None:
    episodes = [
        episode("Drilled", 0, drill="true"),
        episode("Watchdog", 0, severity="none"),
        episode("Early", -10),
        episode("Late", 14 * 24 * 60),
    ]
    report = alert_quality(episodes, [], {"Drilled": "critical", "Watchdog": "none"}, start=START, end=END)
    assert report.alerts == ()
    assert report.never_fired == ("Drilled",)
    assert report.pages_per_week == 0


def test_the_gravest_come_first_and_strangers_are_judged_too() -> None:
    episodes = [episode("Ticket", n * 60, severity="warning") for n in range(5)] + [episode("Stranger", 0)]
    report = alert_quality(episodes, [], {"Ticket": "warning"}, start=START, end=END)
    assert [one.alert for one in report.alerts] == ["Stranger", "Ticket"]
    assert report.to_json()["alerts"][0]["acted_on"] == 0


def test_an_alert_that_only_fires_now_is_not_called_ignored() -> None:
    report = alert_quality([episode("Down", 0, lasted=None)], [], {}, start=START, end=END)
    assert report.alerts[0].acted_on is None
    assert report.alerts[0].resolved_after is None


def kept_back(name: str, at: int, *, silenced: bool, **labels: str) -> Suppressed:
    begun = START + at * MINUTE
    return Suppressed(
        fingerprint=name,
        labels={"alertname": name, "severity": "critical"} | labels,
        starts_at=begun,
        first_at=begun,
        last_at=begun + MINUTE,
        silenced=silenced,
        inhibited=not silenced,
    )


def test_what_never_arrived_counts_as_silenced_or_unheard_and_not_as_never_fired() -> None:
    episodes = [episode("Down", 0), episode("Down", 100)]
    seen = [
        kept_back("Down", 100, silenced=True),
        kept_back("Down", 200, silenced=True),
        kept_back("Down", 300, silenced=False),
        kept_back("Cause", 0, silenced=False),
        kept_back("Rehearsed", 0, silenced=True, drill="true"),
        kept_back("Early", -1, silenced=True),
    ]
    known = dict.fromkeys(("Down", "Cause", "Rehearsed", "Early"), "critical")
    report = alert_quality(episodes, [], known, start=START, end=END, suppressed=seen)
    down, cause = report.alerts
    # Silenced: the second that arrived, and the one that did not; what was inhibited would have told nobody anything.
    assert (down.fired, down.unheard) == (2, 2)
    assert down.silenced == pytest.approx(2 / 3)
    assert down.acted_on == 0.5
    assert (cause.alert, cause.fired, cause.silenced, cause.unheard) == ("Cause", 0, None, 1)
    assert report.never_fired == ("Early", "Rehearsed")
    assert report.pages_per_week == 1.0


def test_what_was_seen_suppressed_is_remembered_by_episode_until_it_is_old(tmp_path: Path) -> None:
    first, later = kept_back("Down", 0, silenced=False), kept_back("Down", 0, silenced=True)
    with Store.migrate(tmp_path / "monitor.db") as store:
        ours = Suppressions(store)
        ours.see([first, kept_back("Other", 5, silenced=True)])
        ours.see([replace(later, first_at=later.last_at, last_at=later.last_at + MINUTE)])
        down, other = ours.between(START, END)
        assert down == replace(first, silenced=True, last_at=first.last_at + MINUTE)
        assert (other.silenced, other.inhibited) == (True, False)
        assert ours.between(START + MINUTE, END) == (other,)
        assert prune(store, START + ALERTS_KEPT_FOR) == 0
        assert prune(store, END + ALERTS_KEPT_FOR) == 2
        assert ours.between(START, END) == ()


def test_metrics_say_how_good_the_alerts_of_a_severity_are_and_nothing_where_nothing_is_known() -> None:
    episodes = [episode("Down", n * 60) for n in range(20)]
    done = [action("Down", n * 60, n + 1) for n in range(19)]
    found = fates(episodes, done, [kept_back("Down", 2000, silenced=True)])
    samples = {
        (sample.name, *sample.labels.values()): sample.value for family in families(found) for sample in family.samples
    }
    assert samples == {
        ("monitor_alert_acknowledge_seconds", "critical", "0.5"): 600,
        ("monitor_alert_acknowledge_seconds", "critical", "0.95"): 1140,
        ("monitor_alert_acted_on_ratio", "critical"): 0.95,
        ("monitor_alert_silenced_ratio", "critical"): pytest.approx(1 / 21),
    }


def monitor(run_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--run-dir", str(run_dir), "alert", "quality", *arguments])


def test_the_command_prints_what_was_received_and_done(tmp_path: Path) -> None:
    now = clock.now().replace(microsecond=0)
    with Store.migrate(tmp_path / "state" / "monitor.db") as store:
        at = now - 60 * MINUTE
        begun = replace(episode("RedisDown", 0), starts_at=at, received_at=at, ends_at=now - 20 * MINUTE)
        Alerts(store).record(begun)
        done = Action(fingerprint="RedisDown", starts_at=begun.starts_at, at=now - 55 * MINUTE, kind="noted", who="A")
        Actions(store).add(done)
    table, told = monitor(tmp_path), json.loads(monitor(tmp_path, "--period", "7d", "--json").output)
    assert table.exit_code == 0
    assert re.search(r"RedisDown +critical +1 +1\.0 +100 % +0 +5 min +40 min +0 % +0", table.output)
    assert f"1.0 pages a week since {clock.to_rfc3339(at)}, before which nothing is known\n" in table.output
    assert told["known_from"] == clock.to_rfc3339(at)
    assert (told["pages_per_week"], told["alerts"][0]["acknowledged_after_seconds"]) == (1.0, 300)
    assert "MongoNoPrimary" in told["never_fired"]


def test_a_monitor_that_remembers_nothing_says_so_and_not_that_all_was_quiet(tmp_path: Path) -> None:
    Store.migrate(tmp_path / "state" / "monitor.db").close()
    done = monitor(tmp_path)
    assert (done.exit_code, "before which nothing is known" in done.output) == (0, True)


@pytest.mark.parametrize("period", ["soon", "0d", "9999d"])
def test_a_period_that_cannot_be_meant_is_refused(tmp_path: Path, period: str) -> None:
    done = monitor(tmp_path, "--period", period)
    assert (done.exit_code, period in done.output) == (2, True)


def test_without_a_store_nothing_can_be_said(tmp_path: Path) -> None:
    assert monitor(tmp_path).exit_code == 3
