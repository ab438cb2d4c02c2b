"""What the console says: never better than it is known to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor import clock
from monitor.catalogue.model import Recovery
from monitor.compliance import SloStatus
from monitor.store import Record
from monitor.store_alerts import AlertRecord
from monitor.web import postmortems, view, words

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
RECOVERY = Recovery(
    rpo=timedelta(hours=1),
    rto=timedelta(hours=4),
    full_backup_every=timedelta(minutes=30),
    verify_every=timedelta(hours=6),
    keep_full=48,
    time_zone="Europe/Berlin",
)
ALIVE = view.Said(tone="good", text="alive")


def status(
    *, sli: float | None = 0.9999, coverage: float | None = 1.0, left: float | None = 0.5, burn: float | None = None
) -> SloStatus:
    return SloStatus(
        name="availability",
        service="appointments",
        display_name="Availability",
        objective=0.9995,
        window="30d",
        sli=sli,
        error_budget_remaining=left,
        coverage=coverage,
        burn_rate=burn,
    )


def alert(name: str, severity: str | None, minutes_ago: float = 1) -> AlertRecord:
    labels = {"alertname": name} | ({} if severity is None else {"severity": severity})
    at = NOW - timedelta(minutes=minutes_ago)
    return AlertRecord(fingerprint=name, labels=labels, state="firing", starts_at=at, received_at=at)


def snapshot(**fields: Any) -> view.Snapshot:
    nothing: dict[str, Any] = {
        "at": NOW,
        "firing": (),
        "resolved": (),
        "backups": [],
        "drills": (),
        "jobs": (),
        "components": (),
        "watchdog": None,
    }
    return view.Snapshot(**(nothing | fields))


def backup(minutes_ago: float, *, outcome: str = "passed", verified: str | None = None) -> dict[str, Any]:
    at = clock.to_rfc3339(NOW - timedelta(minutes=minutes_ago))
    verification = (
        None if verified is None else {"at": at, "outcome": verified, "restore_seconds": 2.0, "faults": ["x"]}
    )
    return {
        "type": "full",
        "outcome": outcome,
        "finished_at": at,
        "recovery_point": at,
        "bytes": 1000,
        "duration_seconds": 1.5,
        "verification": verification,
    }


def test_ten_minutes_of_data_are_insufficient_for_thirty_days() -> None:
    card = view.slo_card(status(sli=1.0, coverage=0.0002))
    assert (card.verdict.tone, card.verdict.text) == ("unknown", "insufficient data")
    assert card.measured == "under 1 % measured"


def test_an_slo_without_any_data_has_no_budget_bar() -> None:
    card = view.slo_card(status(sli=None, coverage=None, left=None))
    assert (card.bar, card.measured, card.verdict.tone) == (None, "nothing measured yet", "unknown")


def test_an_overspent_budget_has_nothing_left() -> None:
    assert view.slo_card(status(sli=0.9, left=-4.0)).bar == 0


def test_a_budget_that_is_nearly_whole_is_not_shown_as_whole() -> None:
    assert view.slo_card(status(left=0.9999)).bar == 99


def test_a_critical_alert_is_said_first() -> None:
    said = view.headline(snapshot(firing=(alert("A", "critical"), alert("B", "warning"))), None, ALIVE)
    assert said == view.Said(tone="bad", text="1 critical alert firing.")


def test_a_rehearsal_is_no_critical_alert() -> None:
    rehearsal = alert("A", "critical")
    rehearsal.labels["drill"] = "true"
    said = view.headline(snapshot(firing=(rehearsal,)), (), ALIVE)
    assert said == view.Said(tone="warning", text="1 alert firing; nobody is woken.")


@pytest.mark.parametrize("minutes", [3.1, 600])
def test_silence_of_the_watchdog_is_not_taken_for_quiet(minutes: float) -> None:
    seen = Record(kind="watchdog", id="latest", at=NOW - timedelta(minutes=minutes), body={})
    path = view.watchdog(seen, NOW)
    assert path.tone == "bad"
    assert view.headline(snapshot(), (view.slo_card(status()),), path) == path


def test_a_watchdog_of_a_time_that_has_not_come_says_nothing() -> None:
    seen = Record(kind="watchdog", id="latest", at=NOW + timedelta(hours=1), body={})
    assert view.watchdog(seen, NOW).tone == "unknown"


def test_a_watchdog_never_seen_is_unknown() -> None:
    assert view.watchdog(None, NOW).tone == "unknown"


def test_a_prometheus_that_is_away_makes_the_slos_unknown_not_good() -> None:
    assert view.headline(snapshot(), None, ALIVE).tone == "unknown"


def test_all_is_well_only_when_every_objective_is_met() -> None:
    met, open_one = view.slo_card(status()), view.slo_card(status(coverage=0.1))
    assert view.headline(snapshot(), (met,), ALIVE).text == "No alert is firing and every objective is met."
    assert "1 objective cannot be judged yet" in view.headline(snapshot(), (met, open_one), ALIVE).text
    assert "Too little was measured" in view.headline(snapshot(), (open_one,), ALIVE).text


def test_a_fast_burn_is_not_called_quiet_before_its_alert_fires() -> None:
    said = view.headline(snapshot(), (view.slo_card(status(coverage=0.001, burn=180.0)),), ALIVE)
    assert said == view.Said(tone="warning", text="No alert is firing yet, but the budget burns fast: Availability.")


@pytest.mark.parametrize(
    ("left", "text"),
    [(0.5, "50 %"), (0.0, "0 %"), (-1.5, "overspent: 2.5 times the budget is used"), (None, "unknown")],
)
def test_an_overspent_budget_is_said_in_times(left: float | None, text: str) -> None:
    assert words.budget(left) == text


def test_a_missed_objective_is_named() -> None:
    assert view.headline(snapshot(), (view.slo_card(status(sli=0.9)),), ALIVE).text == "Objective missed: Availability."


def test_machinery_is_not_shown_to_people_and_the_gravest_alert_comes_first() -> None:
    found = view.shown(
        [
            alert("Watchdog", "none"),
            alert("W", "warning"),
            alert("C", "critical"),
            alert("U", None, 9),
            alert("P", "page", 5),
        ]
    )
    assert [a.labels["alertname"] for a in found] == ["C", "W", "P", "U"]


def test_a_recovery_point_older_than_the_rpo_is_bad() -> None:
    point, _, _ = view.recovery_facts([backup(61)], RECOVERY, NOW)
    assert (point.tone, point.value, point.note) == ("bad", "1 h 1 min old", "older than RPO 1 h")


def test_the_captured_oplog_leads_on_from_a_backup_in_it() -> None:
    seconds = {name: int((NOW - timedelta(minutes=ago)).timestamp()) for name, ago in (("since", 200), ("end", 1))}
    body = {name: f"{at}.3" for name, at in seconds.items()}
    captured = (Record(kind="anchor", id="rs0 x", at=NOW, body=body),)
    point, _, _ = view.recovery_facts([backup(190)], RECOVERY, NOW, captured)
    assert (point.tone, point.value) == ("good", "1 min old")
    point, _, _ = view.recovery_facts([backup(210)], RECOVERY, NOW, captured)
    assert (point.tone, point.value) == ("bad", "3 h 30 min old")


def test_a_backup_that_failed_its_verification_is_no_recovery_point() -> None:
    point, _, restore = view.recovery_facts([backup(5, verified="failed"), backup(40)], RECOVERY, NOW)
    assert point.value == "40 min old"
    assert (restore.tone, restore.value, restore.note) == ("bad", "failed 5 min ago", "x")


def test_without_any_backup_nothing_is_good() -> None:
    assert [fact.tone for fact in view.recovery_facts([], RECOVERY, NOW)] == ["bad", "bad", "unknown"]
    assert [fact.tone for fact in view.recovery_facts([backup(5, outcome="failed")], None, NOW)][:2] == ["bad", "bad"]


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.9999999, "99.999 %"), (1.0, "100 %"), (0.99, "99 %"), (0.0, "0 %"), (None, "unknown"), (-0.5, "-50 %")],
)
def test_a_percentage_is_never_rounded_up(ratio: float | None, text: str) -> None:
    assert words.percent(ratio) == text


def test_small_shares_are_not_nothing() -> None:
    assert words.whole_percent(0.0001) == "under 1 %"
    assert words.whole_percent(0.0) == "0 %"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (23_385, "23.4 kB"), (5e12, "5.0 TB"), (None, "unknown")]
)
def test_sizes_are_decimal(count: float | None, text: str) -> None:
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Redis\n is\tdown", "Redis is down"),
        ("down\x1b[31m\x07", "down\ufffd[31m\ufffd"),
        ("a\u202egnp.exe", "a\ufffdgnp.exe"),
        ("half \ud800", "half \ufffd"),
        ("می‌خواهم 👩‍⚕️ שלום", "می‌خواهم 👩‍⚕️ שלום"),
    ],
)
def test_a_text_from_outside_changes_nothing_about_what_follows_it(text: str, shown: str) -> None:
    """In a terminal, a table or a postmortem; joiners, without which Persian and many signs fall apart, stay."""
    assert words.harmless(text) == shown
    assert words.is_harmless(words.harmless(text))


def test_a_postmortem_holds_what_was_said_and_none_of_it_acts() -> None:
    assert postmortems.plain("**x** | <b>\x1b[2J\n# y") == r"\*\*x\*\* \| \<b\>" + "\ufffd" + r"\[2J \# y"
