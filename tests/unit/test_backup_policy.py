"""Which backups may go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from monitor.backup import policy
from monitor.backup.policy import PERIODS, Candidate, Policy

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def deletable(backups: list[Candidate], *, keep: int) -> tuple[str, ...]:
    return policy.deletable(backups, Policy(last=keep), NOON)


def candidate(hours_ago: int, *, usable: bool = True, verified: bool = False) -> Candidate:
    return Candidate(
        id=f"b{100 - hours_ago:03}", at=NOON - timedelta(hours=hours_ago), usable=usable, verified=verified
    )


def test_the_newest_stay_and_the_older_go() -> None:
    assert deletable([candidate(3), candidate(1), candidate(2)], keep=2) == ("b097",)


def test_the_newest_verified_one_stays_however_old() -> None:
    backups = [candidate(1), candidate(2), candidate(3, verified=True), candidate(4, verified=True)]
    assert deletable(backups, keep=1) == ("b096", "b098")


def test_a_damaged_one_does_not_count_and_goes_with_age() -> None:
    backups = [candidate(1, usable=False), candidate(2), candidate(3, usable=False), candidate(4)]
    assert deletable(backups, keep=1) == ("b096", "b097")
    assert deletable(backups, keep=2) == ()


def test_where_nothing_is_usable_nothing_goes() -> None:
    assert deletable([candidate(1, usable=False), candidate(2, usable=False)], keep=1) == ()


def test_slices_are_kept_from_the_newest_backup_that_reaches_the_whole_window() -> None:
    backups = [candidate(hours) for hours in (10, 20, 30, 40)]
    for hours, first in ((5, "b090"), (10, "b090"), (11, "b080"), (25, "b070"), (1000, "b060")):
        assert policy.oplog_since(backups, Policy(last=1, oplog=timedelta(hours=hours)), NOON) == first
    assert policy.oplog_since(backups, Policy(last=1), NOON) == "b060"
    assert policy.oplog_since([candidate(1, usable=False)], Policy(last=1), NOON) is None


def test_the_last_proven_chain_keeps_its_slices_until_a_newer_one_is_proven() -> None:
    proven = replace(candidate(40, verified=True), followed=True)
    newer = replace(candidate(20, verified=True), followed=True)
    wanted = Policy(last=1, oplog=timedelta(hours=5))
    assert policy.oplog_since([candidate(10), proven, candidate(50)], wanted, NOON) == proven.id
    assert policy.oplog_since([candidate(10), proven, newer], wanted, NOON) == newer.id


@given(
    st.lists(st.tuples(st.integers(0, 99), st.booleans(), st.booleans()), max_size=12, unique_by=lambda row: row[0]),
    st.integers(-1, 5),
)
def test_pruning_never_takes_the_last_usable_or_the_newest_verified(
    rows: list[tuple[int, bool, bool]], keep: int
) -> None:
    backups = [candidate(ago, usable=usable, verified=verified) for ago, usable, verified in rows]
    left = {backup.id for backup in backups} - set(deletable(backups, keep=keep))
    usable = sorted((backup for backup in backups if backup.usable), key=lambda backup: backup.at)
    proven = [backup for backup in usable if backup.verified]
    assert {backup.id for backup in usable[-max(1, keep) :]} <= left
    assert {backup.id for backup in proven[-1:]} <= left


DAYS = st.lists(st.integers(0, 24 * 900), min_size=1, max_size=60, unique=True)


def at(hours_ago: int, **facts: bool) -> Candidate:
    return Candidate(id=f"{hours_ago:06}", at=NOON - timedelta(hours=hours_ago), **facts)


def only(name: str, count: int) -> Policy:
    counts: dict[str, Any] = {name: count}
    return Policy(last=1, **counts)


@given(DAYS, st.sampled_from(sorted(PERIODS)), st.integers(0, 10))
def test_the_newest_of_each_of_the_last_so_many_periods_stays(ages: list[int], name: str, count: int) -> None:
    backups = [at(age) for age in ages]
    gone = set(policy.deletable(backups, only(name, count), NOON))
    left = [backup for backup in backups if backup.id not in gone]
    newest: dict[tuple[int, ...], Candidate] = {}
    for backup in sorted(backups, key=lambda each: each.at):
        newest[PERIODS[name](backup.at)] = backup
    wanted = sorted(newest.values(), key=lambda each: each.at)[-count:] if count else []
    assert {backup.id for backup in wanted} <= {backup.id for backup in left}
    # Nothing beyond what was asked for: the newest of all is that of its own period, too.
    assert len(left) == max(1, len(wanted))


def test_a_year_of_six_hourly_backups_becomes_a_handful() -> None:
    rule = Policy(last=4, daily=7, weekly=4, monthly=12, yearly=1)
    backups = [at(age) for age in range(0, 24 * 400, 6)]
    left = [b for b in backups if b.id not in policy.deletable(backups, rule, NOON)]
    # 4 newest, 6 further days, weeks and months that no day of these is the newest of; the year is this one.
    assert 4 + 6 + 2 + 10 <= len(left) <= 4 + 6 + 3 + 11
    assert NOON - left[-1].at > timedelta(days=325)


def test_pruning_day_by_day_leaves_what_pruning_once_would() -> None:
    rule = Policy(last=4, daily=7, weekly=4, monthly=6)
    kept: list[Candidate] = []
    every = [at(age) for age in range(24 * 200, -1, -6)]
    for backup in every:
        kept.append(backup)
        gone = set(policy.deletable(kept, rule, backup.at))
        kept = [each for each in kept if each.id not in gone]
    at_once = set(policy.deletable(every, rule, NOON))
    assert {each.id for each in kept} == {each.id for each in every} - at_once


def test_what_somebody_wants_kept_stays_and_so_does_what_is_locked() -> None:
    backups = [at(1), at(2, marked=True), at(30), at(50)]
    assert deletable(backups, keep=1) == ("000050", "000030")
    locked = Policy(last=1, locked_for=timedelta(hours=40))
    assert policy.deletable(backups, locked, NOON) == ("000050",)


def test_a_marked_one_stays_even_if_it_is_unusable() -> None:
    assert deletable([at(1), at(2, usable=False, marked=True), at(3, usable=False)], keep=1) == ("000003",)


def test_the_last_chain_stays_also_when_newer_backups_have_none() -> None:
    backups = [
        at(1),
        at(2, verified=True),
        at(3, followed=True),
        at(4, followed=True, verified=True),
        at(5, followed=True, verified=True),
    ]
    assert deletable(backups, keep=1) == ("000005",)


@given(st.lists(st.tuples(st.integers(0, 2000), *[st.booleans()] * 4), max_size=15, unique_by=lambda row: row[0]))
def test_the_last_verified_chain_never_goes(rows: list[tuple[int, bool, bool, bool, bool]]) -> None:
    backups = [at(age, usable=u, verified=v, followed=f, marked=m) for age, u, v, f, m in rows]
    gone = set(deletable(backups, keep=1))
    chains = [b for b in sorted(backups, key=lambda b: b.at) if b.usable and b.verified and b.followed]
    assert not gone & {b.id for b in chains[-1:]}
    assert not gone & {b.id for b in backups if b.marked}


def test_of_a_period_the_newest_that_is_tied_stays() -> None:
    backups = [at(hours, tied=hours in {14, 18, 40}) for hours in (1, 14, 18, 30, 40)]
    # NOON is at noon: 14 to 30 hours ago is the day before, 40 the day before that.
    assert policy.deletable(backups, Policy(last=1, daily=3), NOON) == (at(30).id, at(18).id)
