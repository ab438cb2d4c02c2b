"""A restore that was broken off anywhere goes on, with the same and with no other."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.backup import restore
from monitor.backup.oplog import apply
from monitor.backup.recovery import run
from monitor.sources.mongodb import Client
from tests.contract.backup_server import Place
from tests.contract.dump_directory import dump_directory
from tests.contract.oplog_restored import whole

pytest_plugins = ("tests.contract.backup_fixtures", "tests.contract.restore_fixtures")


def test_what_was_broken_off_anywhere_is_gone_on_with(
    history: str, place: Place, empty: tuple[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, client = empty
    steps = _count_steps(monkeypatch, lambda: place.monitor("restore", "--at", history, "--into", uri).exit_code)
    assert steps > 10
    # All of them would take half a minute; which ones are looked at changes from run to run.
    for breaks_at in random.Random().sample(range(1, steps + 1), 6):
        for name in client.list_database_names():
            if name not in {"admin", "config", "local"}:
                client.drop_database(name)
        with monkeypatch.context() as broken:
            _break(broken, breaks_at)
            with pytest.raises(_BrokenOff):
                place.monitor("restore", "--at", history, "--into", uri)
        done = place.monitor("restore", "--at", history, "--into", uri)
        assert done.exit_code == 0, (breaks_at, done.output)
        assert "went on" in done.output
        whole(client)


def test_one_that_was_killed_before_its_first_note_is_begun_again(
    history: str, place: Place, empty: tuple[str, Client]
) -> None:
    uri, client = empty
    client.monitor_restore.create_collection("progress")
    done = place.monitor("restore", "--at", history, "--into", uri)
    assert done.exit_code == 0, done.output
    whole(client)


def test_another_restore_does_not_go_on_with_it(
    history: str, place: Place, empty: tuple[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        _break(broken, 4)
        with pytest.raises(_BrokenOff):
            place.monitor("restore", "--at", history, "--into", empty[0])
    other = place.monitor("restore", "--at", "latest", "--into", empty[0])
    assert (other.exit_code, "was broken off" in other.output) == (2, True)


def test_another_dump_of_the_same_name_does_not_go_on_with_it(
    place: Place, empty: tuple[str, Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monday, tuesday = (dump_directory(tmp_path / day / "dump", zipped=False) for day in ("monday", "tuesday"))
    with monkeypatch.context() as broken:
        _break(broken, 4)
        with pytest.raises(_BrokenOff):
            place.monitor("restore", "--dump", str(monday), "--into", empty[0])
    other = place.monitor("restore", "--dump", str(tuesday), "--into", empty[0])
    assert (other.exit_code, "was broken off" in other.output) == (2, True)
    done = place.monitor("restore", "--dump", str(monday), "--into", empty[0])
    assert (done.exit_code, "went on where it was broken off" in done.output) == (0, True)


def test_a_dump_may_hold_how_far_another_restore_was(place: Place, empty: tuple[str, Client], tmp_path: Path) -> None:
    """It was taken while somebody restored into the set, or of one that was left half restored."""
    dump = dump_directory(tmp_path / "dump", zipped=False)
    (dump / "monitor_restore").mkdir()
    for file in (dump / "shop").glob("orders.*"):
        (dump / "monitor_restore" / file.name.replace("orders", "progress")).write_bytes(
            file.read_bytes().replace(b'"orders"', b'"progress"')
        )
    done = place.monitor("restore", "--dump", str(dump), "--into", empty[0])
    assert done.exit_code == 0, done.output
    assert "monitor_restore" not in empty[1].list_database_names()


class _BrokenOff(BaseException):
    """Not an error that anybody handles."""


PLACES: tuple[tuple[Any, str], ...] = (
    (restore, "_create"),
    (restore, "_insert"),
    (apply.Applier, "_run"),
    (run, "build_indexes"),
)


def _count_steps(monkeypatch: pytest.MonkeyPatch, do: Callable[[], int]) -> int:
    count = [0]
    with monkeypatch.context() as counting:
        _wrap(counting, lambda: count.__setitem__(0, count[0] + 1))
        assert do() == 0
    return count[0]


def _break(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Break off right after a step was taken, before anything could be noted of it."""
    left = [number]

    def after() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise _BrokenOff

    _wrap(monkeypatch, after)


def _wrap(monkeypatch: pytest.MonkeyPatch, after: Callable[[], None]) -> None:
    for place, name in PLACES:
        original = getattr(place, name)

        def call(*arguments: Any, original: Any = original, **named: Any) -> Any:
            result = original(*arguments, **named)
            after()
            return result

        monkeypatch.setattr(place, name, call)


# --- directories of the stock mongodump, made here byte for byte as it writes them
