"""Old sets go with what only they needed; what is needed, verified or being written stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor import clock
from monitor.backup import sets
from monitor.backup.depot import Damaged
from monitor.backup.keys import Keyset
from monitor.backup.policy import Policy
from monitor.backup.set_retention import prune
from monitor.backup.sets import BackupSet, Member
from monitor.backup.storage import LocalStore


def day(number: int, kind: str) -> str:
    return f"202611{number:02}T000000Z-{kind}-0000"


@pytest.fixture(params=["open", "sealed"])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> LocalStore:
    """Five days, each with a set, its snapshot and its configuration; the fourth set refers to the first snapshot."""
    home = LocalStore(tmp_path / "store", Keyset.create() if request.param == "sealed" else None)
    for number in range(1, 6):
        for kind in ("redis", "configuration"):
            for name in ("data", "files/a", "manifest.json"):
                home.depot.put(f"{kind}/{day(number, kind)}/{name}", [b"x"])
        instant = clock.now()
        made = BackupSet(
            id=day(number, "set"),
            started_at=instant,
            finished_at=instant,
            redis=Member(id=day(1 if number == 4 else number, "redis"), manifest_sha256=""),
            configuration=Member(id=day(number, "configuration"), manifest_sha256=""),
        )
        sets.save(home.depot, made)
    home.depot.put("erasures/00000001.json", [b"x"])
    return home


def left(home: LocalStore, kind: str) -> set[str]:
    return {key.split("/")[1] for key in home.stored.keys(f"{kind}/")}


def test_the_newest_and_what_they_need_stay(home: LocalStore) -> None:
    would = prune(home, Policy(last=2), verified=frozenset({day(2, "redis"), day(1, "redis")}), dry_run=True)
    assert len(left(home, "redis")) == 5
    assert prune(home, Policy(last=2), verified=frozenset({day(2, "redis"), day(1, "redis")})) == would
    assert left(home, "redis") == {day(number, "redis") for number in (1, 2, 4, 5)}
    assert left(home, "configuration") == {day(4, "configuration"), day(5, "configuration")}
    assert sets.ids(home.depot) == (day(4, "set"), day(5, "set"))
    assert left(home, "erasures") == {"00000001.json"}
    assert prune(home, Policy(last=2), verified=frozenset({day(2, "redis")})) == ()


def test_what_a_killed_run_left_goes_and_what_is_being_written_stays(home: LocalStore) -> None:
    home.depot.delete(f"redis/{day(5, 'redis')}/manifest.json")
    home.depot.delete(f"redis/{day(3, 'redis')}/manifest.json")
    prune(home, Policy(last=1))
    assert left(home, "redis") == {day(4, "redis"), day(5, "redis")}


def test_nothing_goes_where_it_is_not_known_what_is_needed(home: LocalStore) -> None:
    home.stored.put(f"sets/{day(5, 'set')}.json", [b"{}"])
    with pytest.raises(Damaged):
        prune(home, Policy(last=1))
    assert len(home.stored.keys("2")) + len(left(home, "redis")) == 5


def test_days_weeks_and_months_are_kept_as_of_backups(home: LocalStore) -> None:
    prune(home, Policy(last=1, daily=2, weekly=2))
    # 5 November 2026 is a Thursday: the week before ended on the first.
    assert sets.ids(home.depot) == (day(1, "set"), day(4, "set"), day(5, "set"))
    assert left(home, "configuration") == {day(number, "configuration") for number in (1, 4, 5)}


def test_a_set_whose_backup_of_mongodb_went_goes_with_it(home: LocalStore) -> None:
    instant = clock.now()
    for number in (6, 7):
        gone = Member(id=day(number, "full"), manifest_sha256="")
        sets.save(home.depot, BackupSet(id=day(number, "set"), started_at=instant, finished_at=instant, mongodb=gone))
    prune(home, Policy(last=9))
    assert day(6, "set") not in sets.ids(home.depot)
    assert day(7, "set") in sets.ids(home.depot), "the newest may be under way"


def test_backups_that_bring_everything_back_are_preferred(home: LocalStore) -> None:
    one, instant = Member(id="m", manifest_sha256=""), clock.now()
    whole = BackupSet(
        id=day(3, "set"), started_at=instant, finished_at=instant, mongodb=one, redis=one, configuration=one
    )
    sets.save(home.depot, whole)
    sets.save(home.depot, replace(whole, id=day(4, "set"), mongodb=Member(id="n", manifest_sha256=""), redis=None))
    assert sets.tied(home.depot) == {"m"}
