"""Which backups may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.backup import policy
from monitor.backup.policy import Candidate, Policy

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
