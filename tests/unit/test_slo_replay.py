"""Alerts over made-up events: when they fire, whom they reach, how good they were, and which objective fits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.catalogue.model import Severity
from monitor.cli import main
from monitor.compliance.incidents import read_incidents
from monitor.errors import CatalogueError
from monitor.slo.judging import Incident, judge, per_month, recommend
from monitor.slo.replay import BurnAlert, Episode, Events, replay, with_darkness
from monitor.slo.windows import BURN_PAIRS

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = 1440


def events(bad: list[float], *, rollup: int = 1) -> Events:
    known = [True] * len(bad)
    return Events(first=START, cell=MINUTE, bad=bad, total=[1200.0] * len(bad), known=known, rollup=rollup)


def alerts(hold: timedelta = MINUTE, keep: timedelta = timedelta(0)) -> tuple[BurnAlert, ...]:
    return tuple(
        BurnAlert(name=pair.alert, pair=pair, severity=pair.severity, hold=hold, keep=keep * float(pair.keep))
        for pair in BURN_PAIRS
    )


def fired(bad: list[float], **held: timedelta) -> list[Episode]:
    return list(replay(events(bad), 0.9995, alerts(**held), since=START))


def test_nothing_fires_where_nothing_fails() -> None:
    assert fired([0.0] * DAY) == []


def test_an_outage_is_one_page_and_what_is_slower_is_muted_until_the_faster_one_ends() -> None:
    found = fired([0.0] * DAY + [1200.0] * 30 + [0.0] * DAY)
    fast, medium, *tickets = sorted(found, key=lambda episode: [p.alert for p in BURN_PAIRS].index(episode.alert))
    assert fast.alert == "ErrorBudgetBurnFast"
    assert timedelta(0) <= fast.start - (START + DAY * MINUTE) <= 3 * MINUTE
    assert medium.heard is None
    assert {ticket.severity for ticket in tickets} == {Severity.WARNING}
    assert fast.end is not None
    assert all(ticket.heard is not None and ticket.heard >= fast.end for ticket in tickets)


def test_an_alert_that_is_kept_firing_bridges_a_pause_and_then_ends() -> None:
    # Three minutes bad out of every nine: the five-minute window falls below the pace in between.
    bad = [0.0] * 120 + ([300.0] * 3 + [0.0] * 6) * 5 + [0.0] * 120
    flaps = [one for one in fired(bad) if one.alert == "ErrorBudgetBurnFast"]
    kept = [one for one in fired(bad, keep=10 * MINUTE) if one.alert == "ErrorBudgetBurnFast"]
    assert len(flaps) > len(kept) == 1
    assert kept[0].end is not None


def test_what_ended_before_the_span_is_not_told_and_what_still_fires_has_no_end() -> None:
    bad = [1200.0] * 60 + [0.0] * DAY + [1200.0] * 60
    found = replay(events(bad), 0.9995, alerts(), since=START + 900 * MINUTE)
    assert [one.end for one in found if one.alert == "ErrorBudgetBurnFast"] == [None]


def test_long_windows_move_only_when_they_are_rolled_up() -> None:
    bad = [0.0] * 121 + [1200.0] * 200
    every = list(events(bad).window(timedelta(hours=2)))
    rare = list(events(bad, rollup=15).window(timedelta(hours=2)))
    assert rare[150] == every[150]
    assert rare[151] == rare[164] == every[150]
    assert rare[165] == every[165]


def test_a_window_that_is_shorter_than_a_cell_is_one() -> None:
    found = events([0.0, 1200.0])
    assert list(found.window(timedelta(seconds=1))) == list(found.window(MINUTE)) == [(0, 1200, 1), (1200, 1200, 1)]


def test_dark_time_weighs_what_the_hour_before_it_did_however_long_it_is() -> None:
    total = [None, None, *[100.0] * 10, *[0.0] * 120, 50.0]
    failing = [True, False, *[False] * 10, *[True] * 120, True]
    bad, every, known = with_darkness(
        [0.0 if one is not None else None for one in total], total, failing, memory=60, least=4
    )
    assert (every[0], bad[0], known[0]) == (4, 4, True)
    assert known[1] is False
    assert every[12] == bad[12] == pytest.approx(1004 / 11)
    assert every[131] == pytest.approx(every[12], rel=0.05)
    assert (every[132], bad[132]) == (50.0, 0.0)


def page(at: int, until: int | None, *, severity: Severity = Severity.CRITICAL, heard: bool = True) -> Episode:
    start = START + at * MINUTE
    end = None if until is None else START + until * MINUTE
    return Episode(alert="A", severity=severity, start=start, end=end, heard=start if heard else None)


def incident(first: int, last: int) -> Incident:
    return Incident(name="x", start=START + first * MINUTE, end=START + last * MINUTE)


def test_pages_are_held_against_incidents() -> None:
    episodes = [page(12, 20), page(100, 110), page(201, 210, severity=Severity.WARNING), page(300, 310, heard=False)]
    found = judge(episodes, [incident(10, 15), incident(200, 205), incident(300, 305)])
    assert found.precision == 0.5
    assert found.recall == pytest.approx(1 / 3)
    assert [one.delay for one in found.detections] == [2 * MINUTE, None, None]
    assert [one.ticket_at is not None for one in found.detections] == [False, True, False]


def test_a_page_shortly_after_the_end_still_tells_of_it_and_one_that_fires_already_has_no_delay() -> None:
    assert judge([page(19, 30)], [incident(10, 15)]).recall == 1
    assert judge([page(21, 30)], [incident(10, 15)]).recall == 0
    (detection,) = judge([page(5, None)], [incident(10, 15)]).detections
    assert detection.delay == timedelta(0)
    assert judge([], []).precision is None
    assert judge([], []).recall is None


def test_pages_a_month_are_scaled_to_thirty_days() -> None:
    assert per_month(2, timedelta(days=15)) == 4


@pytest.mark.parametrize(
    ("achieved", "coverage", "count", "days", "objective", "why"),
    [
        (0.9998, 1.0, 1e6, 30, "0.9995", "40% of that budget"),
        (0.9997, 1.0, 1e6, 30, "0.999", "30% of that budget"),
        (1.0, 1.0, 50_000, 30, "0.9995", "fewer than ten"),
        (1.0, 1.0, 90, 30, None, "too few events"),
        (0.5, 1.0, 1e6, 30, None, "not even 90 %"),
        (1.0, 0.5, 1e6, 30, None, "50.0% was measured"),
        (None, 1.0, 0, 30, None, "measured"),
        (1.0, 1.0, 1e6, 2, None, "seven days"),
    ],
)
def test_the_strictest_usual_objective_with_room_is_recommended(
    achieved: float | None, coverage: float, count: float, days: int, objective: str | None, why: str
) -> None:
    found = recommend(achieved, coverage, count, timedelta(days=days))
    assert found.objective == (None if objective is None else Decimal(objective))
    assert why in found.reason


def test_incidents_are_read_from_yaml_and_json(tmp_path: Path) -> None:
    rows = '[{"start": "2026-11-01T02:00:00+01:00", "end": "2026-11-01T01:05:00Z"}, '
    rows += '{"start": "2026-10-01T00:00:00Z", "end": "2026-10-01T00:05:00Z", "name": "disk full"}]'
    (tmp_path / "known.json").write_text(rows)
    full, other = read_incidents(tmp_path / "known.json")
    assert (full.name, other.name) == ("disk full", "incident 1")
    assert other.start == datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
    (tmp_path / "none.yaml").write_text("[]\n")
    assert read_incidents(tmp_path / "none.yaml") == ()


def test_every_fault_of_a_list_of_incidents_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text(
        "- start: '2026-11-01T02:00:00'\n"
        "  end: '2026-11-01T03:00:00Z'\n"
        "- {start: '2026-11-01T02:00:00Z', end: '2026-11-01T01:00:00Z'}\n"
        "- {start: 3, until: x}\n"
        "- text\n"
    )
    with pytest.raises(CatalogueError) as error:
        read_incidents(tmp_path / "known.yaml")
    told = str(error.value)
    for part in ("yaml:1: [0].start: is no time", "yaml:3: [1].end: ends before", "yaml:4: [2].end: is missing"):
        assert part in told
    assert "yaml:4: [2].until: is not a known field" in told
    assert "yaml:5: [3]: must be a mapping" in told


@pytest.mark.parametrize(
    ("text", "why"),
    [("{}", "must be one list"), ("- {start: 2026-11-01T02:00:00Z, end: x}", "quote it"), ("[", "is not YAML")],
)
def test_what_is_no_list_of_incidents_is_a_fault(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "known.yaml").write_text(text)
    with pytest.raises(CatalogueError, match=why):
        read_incidents(tmp_path / "known.yaml")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("nothing",), "has no SLO 'nothing'"),
        (("availability", "--objective", "100"), "percentage below 100"),
        (("availability", "--objective", "x"), "percentage below 100"),
        (("availability", "--objective", "NaN"), "percentage below 100"),
        (("availability", "--objective", f"99.{30 * '9'}"), "percentage below 100"),
        (("availability", "--from", "2001-01-01T00:00:00Z"), "more than 400 days before --to"),
        (("availability", "--from", "yesterday"), "--from 'yesterday'"),
        (("availability", "--to", "2026-11-01"), "--to '2026-11-01'"),
        (("availability", "--from", "0001-01-01T00:00:00Z"), "before anything was measured"),
        (("availability", "--policy", "sloth"), "neither a file nor one of workbook"),
        (("availability", "--from", "2026-11-02T00:00:00Z", "--to", "2026-11-01T00:00:00Z"), "before --to"),
        (("availability", "--incidents", "/nowhere"), "cannot be read"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_2(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    done = CliRunner().invoke(main, ["--run-dir", str(tmp_path), "slo", "replay", *arguments])
    assert done.exit_code == 2, done.output
    assert why in done.output
