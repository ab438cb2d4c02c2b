"""A backup that is equal to what was read may still be of the wrong thing: each loss is named, with what is usual."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.backup.verifying.facts import Facts
from monitor.backup.verifying.plausibility import Judged, judge

START = datetime(2026, 11, 20, tzinfo=UTC)
RPO = timedelta(hours=1)


def facts(n: int, **other: Any) -> Facts:
    """The n-th backup, one each six hours, of a clinic that grows by one per cent each time."""
    at = START + timedelta(hours=6 * n)
    usual: dict[str, Any] = {
        "id": f"{n:03}",
        "at": at,
        "replica_set": "rs0",
        "bytes": int(5e6 * 1.01**n),
        "documents": {"clinic.appointments": 1000 + 10 * n, "clinic.patients": 300 + n, "clinic.locks": n % 3},
        "indexes": {"clinic.appointments": 5, "clinic.patients": 3, "clinic.locks": 1},
        "users": 6,
        "roles": 4,
        "newest_write": at - timedelta(minutes=n % 4),
    }
    return Facts(**(usual | other))


SEVEN = [facts(n) for n in range(7)]


def after(**other: Any) -> Judged:
    return judge(facts(7, **other), SEVEN, quiet=RPO)


def codes(judged: Judged) -> set[str]:
    return {fault.code for fault in judged.faults}


def test_the_next_of_its_kind_is_plausible() -> None:
    judged = after()
    assert (judged.faults, judged.notes, judged.compared_with) == ((), (), 7)


@pytest.mark.parametrize(
    ("other", "code", "said"),
    [
        ({"documents": {"clinic.appointments": 0, "clinic.patients": 307, "clinic.locks": 1}}, "empty", "1000 to 1060"),
        (
            {"documents": {"clinic.appointments": 530, "clinic.patients": 307, "clinic.locks": 1}},
            "documents",
            "530 doc",
        ),
        ({"documents": {"clinic.appointments": 1070, "clinic.patients": 307}}, "collections", "clinic.locks"),
        ({"documents": {"other.things": 5}}, "wrong-database", "3 of 3"),
        ({"replica_set": "staging"}, "wrong-database", "staging"),
        ({"bytes": 2_500_000}, "size", "2.5 MB, usually 5 to 5.31 MB"),
        ({"users": 5}, "users", "5 users, usually 6"),
        ({"roles": 0}, "roles", "0 roles, usually 4"),
        ({"indexes": {"clinic.appointments": 4, "clinic.patients": 3, "clinic.locks": 1}}, "indexes", "usually 5"),
        ({"newest_write": START - timedelta(days=30)}, "stale", "older than the backup"),
        ({"newest_write": START + timedelta(hours=34)}, "stale", "went back in time"),
    ],
)
def test_each_loss_is_named_with_its_number_and_what_is_usual(other: dict[str, Any], code: str, said: str) -> None:
    judged = after(**other)
    assert codes(judged) == {code}
    assert said in "\n".join(map(str, judged.faults))


def test_a_source_that_went_back_in_time_is_stale_even_where_nights_are_long() -> None:
    nights = [replace(one, newest_write=one.at - timedelta(hours=20)) for one in SEVEN[:-1]] + [SEVEN[-1]]
    judged = judge(facts(7, newest_write=START + timedelta(hours=6)), nights, quiet=RPO)
    assert codes(judged) == {"stale"}
    assert "went back in time" in str(judged.faults[-1])


def test_growth_and_what_comes_and_goes_is_no_fault() -> None:
    documents = {"clinic.appointments": 9000, "clinic.patients": 400, "clinic.locks": 0, "clinic.new": 3}
    judged = after(bytes=20_000_000, documents=documents, users=9, newest_write=None)
    assert judged.faults == ()
    assert judged.notes == ("size: 20 MB, usually 5 to 5.31 MB",)


def test_a_night_without_sessions_is_no_loss() -> None:
    sessions = [replace(one, documents={**one.documents, "clinic.sessions": 200}) for one in SEVEN]
    night = facts(7, documents={**facts(7).documents, "clinic.sessions": 0})
    assert codes(judge(night, sessions, quiet=RPO)) == {"empty"}
    assert judge(night, sessions, quiet=RPO, expiring={"clinic.sessions"}).faults == ()


def test_a_quiet_night_is_no_stale_source() -> None:
    closed = START + timedelta(hours=36)
    nights = [replace(one, newest_write=min(closed, one.newest_write or closed)) for one in SEVEN]
    for hours in (1, 12, 100):
        found = facts(7, at=closed + timedelta(hours=6 + hours), newest_write=closed)
        assert judge(found, nights, quiet=RPO).faults == ()


def test_a_change_that_was_meant_is_usual_once_most_have_it() -> None:
    fewer = {"clinic.appointments": 4, "clinic.patients": 3, "clinic.locks": 1}
    changed = [facts(n, indexes=fewer if n >= 3 else SEVEN[n].indexes) for n in range(7)]
    assert judge(facts(7, indexes=fewer), changed, quiet=RPO).faults == ()


def test_too_little_history_is_said_not_judged() -> None:
    judged = judge(facts(7, bytes=1), SEVEN[:2], quiet=RPO)
    assert judged.faults == ()
    assert "2 earlier backups" in judged.notes[0]


def test_later_backups_and_itself_are_no_history_and_only_seven_are() -> None:
    later = [facts(n, bytes=1) for n in range(8, 14)]
    assert judge(facts(7), [*later, facts(7, bytes=1), *SEVEN], quiet=RPO).compared_with == 7
    many = [facts(n) for n in range(30)]
    assert judge(facts(30), many, quiet=RPO).compared_with == 7
