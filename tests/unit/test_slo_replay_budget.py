"""A budget that is followed in pieces, what its alerts would have done, and other policies of burn alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.catalogue.load import load
from monitor.catalogue.model import Severity
from monitor.compliance.policies import read_policy
from monitor.errors import CatalogueError, InputError
from monitor.slo import policy
from monitor.slo.other_policies import KNOWN, PYRRA, burn_alerts
from monitor.slo.replay import Alert, Events
from monitor.slo.replay_budget import Spending, frozen, silent, spent
from monitor.slo.spending import SPENT

MINUTE, PIECE = timedelta(minutes=1), timedelta(minutes=5)
START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = 12
"""Pieces of an hour."""


def events(bad: list[float], cell: timedelta, first: datetime, *, known: bool = True) -> Events:
    return Events(first=first, cell=cell, bad=bad, total=[100.0] * len(bad), known=[known] * len(bad))


def followed(bad: list[float]) -> Spending:
    return Spending.of(events(bad, PIECE, START + PIECE), events([], MINUTE, START + (len(bad) * 5 + 1) * MINUTE))


def rolling(at: datetime) -> tuple[datetime, timedelta]:
    return at - timedelta(hours=4), timedelta(hours=4)


def alerts() -> list[Alert]:
    keep = timedelta(minutes=30)
    return [Alert(name=name, severity=Severity.WARNING, hold=MINUTE, keep=keep) for name in SPENT]


def test_coarse_pieces_and_the_fine_cells_after_them_are_one_past() -> None:
    # The fine cells begin two minutes before the first whole piece of theirs.
    before = events([1.0, 2.0], PIECE, START + PIECE)
    after = events([9.0] * 2 + [1.0] * 5 + [0.0] * 4 + [3.0] + [7.0] * 2, MINUTE, START + 9 * MINUTE)
    found = Spending.of(before, after)
    assert list(found.bad) == [1.0, 2.0, 5.0, 3.0]
    assert list(found.total) == [100.0, 100.0, 500.0, 500.0]
    assert found.at(3) == START + 4 * PIECE


@pytest.mark.parametrize(
    ("behind", "bad"),
    [(0, [1.0, 2.0, 5.0, 3.0]), (1, [1.0, 2.0, 4.0, 1.0]), (5, [1.0, 2.0, 0.0, 5.0]), (7, [1.0, 2.0, 0.0, 3.0])],
)
def test_a_piece_has_what_the_rules_know_when_it_ends_and_nothing_twice(behind: int, bad: list[float]) -> None:
    before = events([1.0, 2.0], PIECE, START + PIECE)
    after = events([9.0] * 2 + [1.0] * 5 + [0.0] * 4 + [3.0] + [7.0] * 2, MINUTE, START + 9 * MINUTE)
    assert list(Spending.of(before, after, behind=behind).bad) == bad


def test_what_is_left_is_that_of_the_whole_window() -> None:
    left = list(followed([0.0] * HOUR + [2.0] * HOUR).left(0.99, rolling))
    assert left[:HOUR] == [1.0] * HOUR
    # One hour of two was at twice the pace that is allowed, and half of the window was measured.
    assert left[-1] == pytest.approx(1 - 1 * 0.5)
    assert left[HOUR] == pytest.approx(1 - 2 / 13 * 13 / 48)


def test_a_window_without_events_has_no_budget_to_speak_of() -> None:
    past = Events(first=START, cell=PIECE, bad=[0.0, 0.0], total=[0.0, 10.0], known=[True, True])
    assert list(Spending.of(past, events([], MINUTE, START)).left(0.99, rolling)) == [None, 1.0]


def test_a_calendar_window_begins_with_its_whole_budget() -> None:
    def halves(at: datetime) -> tuple[datetime, timedelta]:
        begun = START if at <= START + timedelta(hours=1) else START + timedelta(hours=1)
        return begun, timedelta(hours=1)

    left = list(followed([5.0] * HOUR + [0.0] * HOUR).left(0.99, halves))
    assert left[HOUR - 1] == pytest.approx(-4)
    assert left[HOUR:] == [1.0] * HOUR


def test_each_step_is_told_of_once_and_the_graver_mutes_the_milder() -> None:
    pace = [0.0] * HOUR + [6.1] * 10 + [0.0] * (6 * HOUR)
    spending = followed(pace)
    left = list(spending.left(0.99, rolling))
    found = {one.alert: one for one in spent(spending, left, alerts(), START)}
    assert set(found) == set(SPENT)
    half, low, gone = (found[name] for name in reversed(SPENT))
    assert half.start < low.start < gone.start
    assert half.heard == half.start
    # Four hours later it leaves the window as it came in.
    assert len({one.end for one in (half, low, gone)}) == 3
    assert all(one.end is not None for one in found.values())
    assert frozen(spending, left, START) == sum(one is not None and one <= 0.05 for one in left) * PIECE
    assert frozen(spending, left, spending.at(len(pace))) == timedelta(0)


def test_a_budget_that_hovers_around_a_step_is_told_of_once() -> None:
    step = policy.WARNINGS[0]
    begins, little = float(policy.begins(step)), 0.03
    left = [1.0, *[begins, begins + little] * 20, begins + 0.06, *[1.0] * HOUR]
    spending = followed([0.0] * len(left))
    (only,) = [one for one in spent(spending, left, alerts(), START) if one.alert == step.alert]
    assert only.start == spending.at(1)
    assert only.end == spending.at(41) + timedelta(minutes=30)


def test_silence_is_an_alert_only_where_somebody_was_there_to_notice() -> None:
    missed = [False] * 10 + [True] * 20 + [False] * 10
    alert = Alert(name="SLONoData", severity=Severity.WARNING, hold=5 * MINUTE, keep=timedelta(0))
    past = Events(first=START, cell=MINUTE, bad=[0.0] * 40, total=[0.0] * 40, known=[False] * 40, missed=missed)
    (only,) = silent(past, alert, START)
    assert (only.start, only.end) == (START + 15 * MINUTE, START + 30 * MINUTE)
    assert silent(events([0.0] * 40, MINUTE, START, known=False), alert, START) == ()


def test_pyrras_windows_grow_with_the_slos_and_its_factors_stay() -> None:
    availability = load(None, "compose").slo("availability")
    alert_path = load(None, "compose").slo("alert-path")
    assert availability is not None
    assert alert_path is not None
    pairs = [alert.pair for alert in burn_alerts(PYRRA, availability)]
    assert [pair.long for pair in pairs] == [
        timedelta(minutes=64),
        timedelta(hours=6, minutes=26),
        timedelta(days=1, hours=1, minutes=43),
        timedelta(days=4, hours=6, minutes=51),
    ]
    assert [pair.factor for pair in pairs] == [14, 7, 2, 1]
    for known in KNOWN:
        assert known.source.startswith("https://")
        assert {alert.severity for alert in burn_alerts(known, alert_path)} == {Severity.WARNING}


def test_a_policy_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("- {severity: critical, long: 2h, short: 10m, factor: 7.2, for: 1m, minimum_bad_events: 5}\n")
    found = read_policy(str(file))
    (rule,) = found.rules
    assert (found.name, rule.factor, rule.least, rule.hold) == ("mine", Decimal("7.2"), 5, MINUTE)
    assert read_policy("workbook").rules[0].factor == Decimal("14.4")


def test_every_fault_of_a_policy_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "- {severity: critical, long: 1h, short: 2h, factor: -1}\n"
        "- {severity: loud, long: 40d, short: 5m, factor: 1}\n"
        "- {severity: warning, long: 40d, short: 0s, factor: 1}\n"
    )
    with pytest.raises(CatalogueError) as caught:
        read_policy(str(file))
    told = str(caught.value)
    for part in (
        "yaml:1: [0].short: must be",
        "yaml:1: [0].factor: must be above 0",
        "yaml:2: [1].severity",
        "yaml:3: [2].long",
    ):
        assert part in told


@pytest.mark.parametrize("text", ["[]", "{}", "a: 1"])
def test_what_is_no_policy_is_a_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(CatalogueError, match="must be one list of burn alerts"):
        read_policy(str(tmp_path / "mine.yaml"))


def test_a_policy_that_nobody_knows_is_wrong_use() -> None:
    with pytest.raises(InputError, match="neither a file nor one of workbook, pyrra, one-window"):
        read_policy("sloth")
