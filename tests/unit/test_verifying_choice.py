"""Which backup is verified is left to chance, repeatably, and nothing retained is out of its reach."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.backup.model import ClusterTime
from monitor.backup.verifying.choice import NEWEST_EVERY, Restorable, choose

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = 3600


def at(seconds: int, increment: int = 1) -> ClusterTime:
    return ClusterTime(time=1_700_000_000 + seconds, increment=increment)


def chain(count: int) -> list[Restorable]:
    """One backup an hour, and slices up to half an hour after the last."""
    end = at((count - 1) * HOUR + 1800, 7)
    return [Restorable(id=f"{n:02}", base=at(n * HOUR), reach=end) for n in range(count)]


def test_nothing_to_choose_from_is_no_choice() -> None:
    assert choose([], 1, newest_chosen=[], now=NOW) is None


@given(st.integers(min_value=0, max_value=2**32 - 1), st.integers(min_value=1, max_value=9))
def test_the_instant_is_one_that_a_restore_from_this_backup_reaches(seed: int, count: int) -> None:
    backups = chain(count)
    choice = choose(backups, seed, newest_chosen=[NOW], now=NOW)
    assert choice is not None
    assert choice.at is not None
    place = next(n for n, one in enumerate(backups) if one.id == choice.backup)
    end = backups[place + 1].base if place + 1 < count else backups[place].reach
    assert backups[place].base < choice.at <= end
    assert choice == choose(list(reversed(backups)), seed, newest_chosen=[NOW], now=NOW), (
        "the same seed, the same choice"
    )
    assert choice.newest == (place == count - 1)


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_backup_and_seed_repeat_a_choice(seed: int) -> None:
    first = choose(chain(5), seed, newest_chosen=[], now=NOW)
    assert first is not None
    assert first == choose(chain(5), seed, newest_chosen=[NOW], now=NOW, only=first.backup)


def test_only_what_is_there_can_be_wanted() -> None:
    assert choose(chain(2), 1, newest_chosen=[], now=NOW, only="elsewhere") is None


def test_a_backup_without_slices_is_restored_to_its_own_instant() -> None:
    alone = Restorable(id="a", base=at(0, 5), reach=at(0, 5))
    choice = choose([alone], 3, newest_chosen=[NOW], now=NOW)
    assert choice is not None
    assert choice.at == at(0, 5)


def test_a_range_within_one_second_ends_at_its_end() -> None:
    short = Restorable(id="a", base=at(0, 5), reach=at(0, 9))
    choice = choose([short], 3, newest_chosen=[NOW], now=NOW)
    assert choice is not None
    assert choice.at == at(0, 9)


def test_every_retained_backup_gets_its_turn() -> None:
    turns = Counter(
        choice.backup for seed in range(400) if (choice := choose(chain(5), seed, newest_chosen=[NOW], now=NOW))
    )
    assert len(turns) == 5
    assert min(turns.values()) > 40


def test_the_newest_is_due_after_a_week_and_where_it_never_was() -> None:
    for last in ([], [NOW - NEWEST_EVERY]):
        for seed in range(20):
            choice = choose(chain(5), seed, newest_chosen=last, now=NOW)
            assert choice is not None
            assert choice.newest
    assert {
        choice.newest
        for seed in range(20)
        if (choice := choose(chain(5), seed, newest_chosen=[NOW - NEWEST_EVERY + timedelta(hours=1)], now=NOW))
    } == {True, False}


def test_a_clock_that_once_jumped_ahead_neither_puts_the_newest_off_nor_keeps_it_due() -> None:
    ahead = NOW + timedelta(days=400)
    for noted, always in (([ahead], True), ([ahead, NOW - timedelta(days=1)], False)):
        chosen = {
            choice.newest for seed in range(20) if (choice := choose(chain(3), seed, newest_chosen=noted, now=NOW))
        }
        assert chosen == ({True} if always else {True, False})
