"""When the way of alerts counts as broken, who is told of it, how often, and when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from monitor.store import Record
from monitor.work import alert_path
from monitor.work.alert_path import REPEATS, Limits, Look, Path

START = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
LIMITS = Limits()
EVERY = LIMITS.look_every


def seen(second: float, *, watchdog_s: float | None, dead: dict[str, str] | None = None, latency_s: float = 1) -> Look:
    """One look; ``watchdog_s`` is when the Watchdog last came."""
    record = None
    if watchdog_s is not None:
        at = START + timedelta(seconds=watchdog_s)
        record = Record(kind="watchdog", id="latest", at=at, body={"latency_seconds": latency_s})
    return Look(at=START + timedelta(seconds=second), dead=dead or {}, watchdog=record)


def looked(*looks: Look, path: Path | None = None) -> Path:
    path = path or alert_path.first(looks[0].at)
    for one in looks:
        path = alert_path.look(path, one, LIMITS)
    return path


def well(until: int, *, start: int = 0) -> list[Look]:
    """Looks each 15 s, the Watchdog each 60 s."""
    return [seen(second, watchdog_s=second - second % 60) for second in range(start, until + 1, 15)]


def test_all_is_well_while_each_link_answers_and_the_watchdog_comes() -> None:
    path = looked(*well(600))
    assert (path.broken_since, path.whole_once) == (None, True)


HOUR_S = 3600


def test_a_clock_that_is_set_back_puts_no_alarm_off_and_raises_none() -> None:
    """What was noted while it was an hour ahead was waited for: an hour in which nobody was told."""
    ahead = looked(*well(60 + HOUR_S, start=HOUR_S))
    fine = looked(
        *(seen(second, watchdog_s=HOUR_S + 60 if second < 45 else 45) for second in range(0, 90, 15)), path=ahead
    )
    assert (fine.broken_since, fine.whole_once) == (None, True)
    silent = looked(*(seen(second, watchdog_s=HOUR_S + 60) for second in range(0, 195, 15)), path=ahead)
    assert silent.reasons == ("the Watchdog was last seen at a time that has not come yet",)
    dead = looked(seen(HOUR_S + 75, watchdog_s=HOUR_S + 60, dead={"web": "cannot be reached"}), path=ahead)
    dead = looked(*(seen(at, watchdog_s=0, dead={"web": "cannot be reached"}) for at in range(0, 75, 15)), path=dead)
    assert dead.broken_since is None  # the same patience as with whatever starts
    dead = looked(*(seen(at, watchdog_s=0, dead={"web": "cannot be reached"}) for at in range(75, 195, 15)), path=dead)
    assert dead.reasons[0] == "web cannot be reached"


def test_an_outage_that_was_told_is_told_again_and_ended_though_the_clock_was_set_back() -> None:
    dead = {"web": "cannot be reached"}
    path = looked(*well(60 + HOUR_S, start=HOUR_S))
    path = looked(*(seen(HOUR_S + at, watchdog_s=HOUR_S + 60, dead=dead) for at in range(75, 150, 15)), path=path)
    path = alert_path.after_telling(path, ("RedisDown",), reached=True)
    path = looked(seen(0, watchdog_s=HOUR_S + 60, dead=dead), path=path)
    assert (path.told, alert_path.is_due(path, ())) == (1, True)
    assert path.broken_since is not None
    assert path.broken_since <= path.looked_at
    path = alert_path.after_telling(path, (), reached=True)
    path = looked(*(seen(at, watchdog_s=at, latency_s=1) for at in range(15, 90, 15)), path=path)
    assert alert_path.is_over(path, LIMITS)


@pytest.mark.parametrize("link", ["Prometheus", "Alertmanager", "web"])
def test_a_link_that_does_not_answer_is_told_after_a_minute_and_within_three(link: str) -> None:
    path = looked(*well(60))
    for second in range(75, 240, 15):
        path = looked(seen(second, watchdog_s=60, dead={link: "cannot be reached"}), path=path)
        if path.broken_since:
            break
    assert path.broken_since == START + timedelta(seconds=75 + 60)
    assert path.reasons == (f"{link} cannot be reached",)
    assert alert_path.is_due(path, ())


def test_a_restart_of_each_link_in_turn_tells_nobody() -> None:
    path = looked(*well(60))
    for number, link in enumerate(("Prometheus", "Alertmanager", "web")):
        begin = 75 + 120 * number
        for second in range(begin, begin + 45, 15):
            path = looked(seen(second, watchdog_s=begin - 15, dead={link: "cannot be reached"}), path=path)
        again = [seen(second, watchdog_s=begin + 45) for second in range(begin + 45, begin + 120, 15)]
        path = looked(*again, path=path)
    assert path.broken_since is None


def test_a_watchdog_that_stays_away_is_told_within_three_minutes_though_each_link_answers() -> None:
    path = looked(*well(60))
    for second in range(75, 600, 15):
        path = looked(seen(second, watchdog_s=60), path=path)
        if path.broken_since:
            break
    assert path.broken_since is not None
    assert path.broken_since - (START + timedelta(seconds=60)) <= timedelta(minutes=3)
    assert path.reasons == ("the Watchdog was last seen 2 min 45 s ago",)


def test_an_alertmanager_that_goes_on_sending_what_a_dead_prometheus_said_deceives_nobody() -> None:
    path = looked(*well(60))
    for second in range(75, 600, 15):
        path = looked(seen(second, watchdog_s=second, latency_s=second - 60), path=path)
        if path.broken_since:
            break
    assert path.reasons == ("the newest Watchdog is of an evaluation 4 min 15 s ago",)


def test_a_stack_that_starts_has_three_minutes() -> None:
    for second in range(0, 180, 15):
        path = looked(*[seen(one, watchdog_s=None, dead={"web": "answered 503"}) for one in range(0, second + 1, 15)])
        assert path.broken_since is None, second
    path = looked(seen(180, watchdog_s=None, dead={"web": "answered 503"}), path=path)
    assert path.reasons == ("web answered 503", "the Watchdog was never seen")


def test_what_happened_while_this_process_did_not_run_is_no_outage() -> None:
    path = looked(*well(60))
    path = looked(seen(9_000, watchdog_s=60, dead={"Prometheus": "cannot be reached"}), path=path)
    assert (path.broken_since, path.whole_once) == (None, False)


def test_an_outage_that_was_told_is_still_known_after_a_restart() -> None:
    path = outage(told=2)
    path = looked(seen(9_000, watchdog_s=60, dead={"web": "cannot be reached"}), path=path)
    assert path.told == 2


def outage(*, told: int = 0) -> Path:
    """Broken at 10:02:15, with so many messages sent at once."""
    path = looked(*well(60), *(seen(s, watchdog_s=60, dead={"web": "cannot be reached"}) for s in range(75, 150, 15)))
    assert path.broken_since == START + timedelta(seconds=135)
    for _ in range(told):
        path = alert_path.after_telling(path, (), reached=True)
    return path


def test_it_is_told_once_and_then_with_growing_pauses() -> None:
    path, at, told = outage(), [], 0
    for second in range(135, 6 * 3600, 15):
        path = looked(seen(second, watchdog_s=60, dead={"web": "cannot be reached"}), path=path)
        if alert_path.is_due(path, ()):
            told += 1
            at.append(timedelta(seconds=second))
            path = alert_path.after_telling(path, (), reached=True)
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert pauses == [*REPEATS, REPEATS[-1]]


def test_who_was_not_reached_is_tried_each_minute() -> None:
    path = alert_path.after_telling(outage(), (), reached=False)
    assert path.told == 0
    assert not alert_path.is_due(replace(path, looked_at=path.looked_at + timedelta(seconds=45)), ())
    assert alert_path.is_due(replace(path, looked_at=path.looked_at + timedelta(seconds=60)), ())


def test_a_critical_alert_that_begins_meanwhile_is_told_at_once_and_once() -> None:
    path = alert_path.after_telling(outage(), ("MongoNoPrimary",), reached=True)
    assert not alert_path.is_due(path, ("MongoNoPrimary",))
    assert alert_path.is_due(path, ("EdgeHasNoBackend", "MongoNoPrimary"))
    path = alert_path.after_telling(path, ("EdgeHasNoBackend", "MongoNoPrimary"), reached=True)
    assert not alert_path.is_due(path, ("EdgeHasNoBackend",))


def test_it_is_over_once_all_was_well_for_a_minute_and_nothing_is_told_in_between() -> None:
    path = outage(told=1)
    for second in range(150, 210, 15):
        path = looked(seen(second, watchdog_s=second), path=path)
        assert not alert_path.is_over(path, LIMITS), second
        assert not alert_path.is_due(path, ("New",))
    path = looked(seen(210, watchdog_s=210), path=path)
    assert alert_path.is_over(path, LIMITS)
    assert alert_path.after_the_end(path).broken_since is None


def test_a_look_in_between_that_is_not_well_begins_the_minute_anew() -> None:
    path = looked(*[seen(s, watchdog_s=s) for s in (150, 165, 180)], path=outage(told=1))
    path = looked(seen(195, watchdog_s=180, dead={"web": "did not answer within 3 s"}), path=path)
    path = looked(*[seen(s, watchdog_s=s) for s in (210, 225, 240, 255)], path=path)
    assert not alert_path.is_over(path, LIMITS)
    assert alert_path.is_over(looked(seen(270, watchdog_s=270), path=path), LIMITS)


def test_the_end_is_proven_by_an_evaluation_of_after_the_repair() -> None:
    path = outage(told=1)
    for second in range(150, 270, 15):
        # Alertmanager repeats what it heard before Prometheus died.
        path = looked(seen(second, watchdog_s=second, latency_s=second - 60), path=path)
        assert not alert_path.is_over(path, LIMITS), second
    path = looked(*[seen(second, watchdog_s=second) for second in range(270, 345, 15)], path=path)
    assert alert_path.is_over(path, LIMITS)
