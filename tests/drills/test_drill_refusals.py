"""What makes a drill refuse, and what it leaves on disk so that nothing stays broken."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor import drills
from monitor.catalogue.load import load
from monitor.drills import undo
from monitor.errors import InputError, Unavailable, Unsafe
from monitor.settings import Settings
from monitor.stack.client import StackClient
from monitor.store import Store

CATALOGUE = load(None, "local")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(run_dir=tmp_path)
    Store.migrate(settings.state).close()
    return settings


def run(settings: Settings, name: str = "primary-killed", **changes: Any) -> Any:
    with Store.open(settings.state) as store:
        return drills.run(name, settings, replace(CATALOGUE, **changes), store)


def test_where_the_environment_is_not_armed_nothing_is_broken(settings: Settings) -> None:
    disarmed = replace(CATALOGUE.environment, armed=False)
    with pytest.raises(Unsafe, match="environment local is not armed"):
        run(settings, environment=disarmed)
    assert drills.running(settings.state.parent) == ""


def test_a_drill_that_nobody_knows_or_plans_is_wrong_input(settings: Settings) -> None:
    with pytest.raises(InputError, match="there is no drill 'everything-burns'"):
        run(settings, "everything-burns")
    with pytest.raises(InputError, match=r"drills\.yaml does not plan"):
        run(settings, drills=())


def test_without_a_stack_nothing_is_known(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="no stack runs in"):
        run(settings)
    with Store.open(settings.state) as store:
        assert store.records("drill") == ()


def test_two_drills_at_once_are_refused(settings: Settings) -> None:
    state_dir = settings.state.parent
    with undo.only_one(state_dir, "primary-killed"):
        assert drills.running(state_dir) == "primary-killed"
        with pytest.raises(Unsafe, match=r"primary-killed \(pid \d+\) is running"):
            run(settings)
    assert drills.running(state_dir) == ""


def test_an_undo_list_that_cannot_be_replayed_stays_and_refuses_the_next_drill(settings: Settings) -> None:
    state_dir = settings.state.parent
    undo.write(state_dir, ("mongo-1",))
    with pytest.raises(Unsafe, match="an earlier drill was killed, and what it left cannot be put right: mongo-1"):
        run(settings)
    assert json.loads((state_dir / undo.LIST).read_text(encoding="utf-8")) == [
        {"do": "release", "component": "mongo-1"}
    ]


def test_replaying_an_empty_list_does_nothing(settings: Settings) -> None:
    assert undo.replay(settings.state.parent, StackClient(settings.control_socket)) == ((), ())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("drill", "run", "nope"), 2),
        (("drill", "run", "primary-killed"), 3),
        (("drill", "show", "nope"), 2),
        (("drill", "list", "--json"), 0),
        (("drill", "history", "--json"), 0),
    ],
)
def test_the_exit_code_says_what_to_do(settings: Settings, arguments: tuple[str, ...], code: int) -> None:
    command = [sys.executable, "-m", "monitor", "--run-dir", str(settings.run_dir), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if code == 0:
        assert isinstance(json.loads(done.stdout), list)
    else:
        assert done.stderr.splitlines()[-1].startswith("monitor: ")
