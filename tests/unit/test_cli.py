"""What all commands share: which settings they read, and that no error of the system is a traceback."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli import main, up
from monitor.stack.client import StackStatus
from monitor.stack.derived import Promises
from monitor.stack.run import Plan


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Plans that ``monitor up --detach`` would have started."""
    found: list[Plan] = []

    def start(plan: Plan, **_: object) -> StackStatus:
        found.append(plan)
        raise SystemExit(0)

    monkeypatch.setattr(up, "_already_up", lambda _: False)
    monkeypatch.setattr(up, "start_detached", start)
    return found


def monitor(run_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--run-dir", str(run_dir), *arguments], env={"MONITOR_ENVIRONMENT": None})


def described(run_dir: Path, text: str) -> Path:
    run_dir.mkdir(parents=True)
    (run_dir / "monitor.toml").write_text(text, encoding="utf-8")
    return run_dir


def test_a_stack_that_another_version_described_can_be_ended_and_started(tmp_path: Path, plans: list[Plan]) -> None:
    run_dir = described(tmp_path / "run", 'key_of_tomorrow = "x"\n')
    assert monitor(run_dir, "backup", "list").exit_code == 2
    assert monitor(run_dir, "down").exit_code == 0
    assert monitor(run_dir, "up", "--detach").exit_code == 0
    assert len(plans) == 1


def test_a_plain_up_starts_what_is_asked_for_and_not_what_was_started_last(tmp_path: Path, plans: list[Plan]) -> None:
    run_dir = described(tmp_path / "run", 'environment = "compose"\ncatalogue = "/gone"\n')
    assert monitor(run_dir, "up", "--detach").exit_code == 0
    assert plans[0].promises == Promises()


def test_a_file_that_was_asked_for_is_read_even_by_up(tmp_path: Path, plans: list[Plan]) -> None:
    file = described(tmp_path / "elsewhere", 'environment = "compose"\n') / "monitor.toml"
    assert monitor(tmp_path / "run", "--config", str(file), "up", "--detach").exit_code == 0
    assert plans[0].promises == Promises(environment="compose")


def test_a_run_directory_that_cannot_be_made_is_one_sentence(
    plans: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "start_detached", lambda plan, **_: plan.layout.logs.mkdir(parents=True))
    done = monitor(Path("/proc/foo"), "up", "--detach")
    assert done.exit_code == 2
    assert done.stderr.startswith("monitor: up: cannot use /proc/foo")
    assert done.stderr.count("\n") == 1
    assert plans == []


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 3, "No space left on device"),
        (OSError(errno.EMFILE, "Too many open files", "/run/x"), 3, "at /run/x: Too many open files"),
        (PermissionError(errno.EACCES, "Permission denied", b"/run/x"), 2, "cannot use /run/x: Permission denied"),
        (OSError("no number"), 3, "OSError"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(
    tmp_path: Path, error: OSError, code: int, said: str, plans: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(up, "start_detached", refuse)
    done = monitor(tmp_path / "run", "up", "--detach")
    assert (done.exit_code, plans) == (code, [])
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_that_leaves_is_no_error_of_ours(
    tmp_path: Path, plans: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaves(*_: object, **__: object) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    monkeypatch.setattr(up, "start_detached", leaves)
    done = monitor(tmp_path / "run", "up", "--detach")
    assert (done.exit_code, done.stderr, plans) == (1, "", [])
