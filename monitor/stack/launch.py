"""Starts a stack in the background and waits until it is healthy."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from monitor.errors import Exit, InputError, MonitorError, Unavailable
from monitor.stack.client import StackClient, StackStatus
from monitor.stack.lock import at_work
from monitor.stack.run import Plan
from monitor.stack.teardown import tear_down

HEALTHY_WITHIN_S = 180.0
"""A ceiling for all of it; each component has a shorter deadline of its own."""

_LOOK_EVERY_S = 0.1


class NotHealthyError(Unavailable):
    """The stack that we started runs, but is not healthy in time."""


def start_detached(plan: Plan, *, progress: Callable[[StackStatus], None] = lambda _: None) -> StackStatus:
    """Start the stack with its own session and log file, and wait until every component is healthy.

    Raises:
        InputError: it cannot start; the message is the supervisor's own.
        Unavailable: a component did not get ready; nothing is left running.
    """
    layout = plan.layout
    layout.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    layout.run_dir.chmod(0o700)
    log = layout.logs / "supervisor.log"
    before = log.stat().st_size if log.exists() else 0
    pid = _spawn(plan, log)
    try:
        return _await(plan, pid, lambda: _last_words(log, before), progress)
    except (KeyboardInterrupt, NotHealthyError):
        # Ctrl-C while waiting means: not after all. And what is not healthy by now is not left half-started.
        tear_down(layout.run_dir)
        raise


def wait_until_healthy(client: StackClient, *, progress: Callable[[StackStatus], None]) -> StackStatus:
    """Wait until a stack that somebody else is starting is healthy.

    Raises:
        Unavailable: it is not, in time.
    """
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while True:
        status = client.describe()
        progress(status)
        if status.healthy:
            return status
        if time.monotonic() >= deadline:
            raise Unavailable(f"the stack is not healthy after {HEALTHY_WITHIN_S:.0f} s: see `monitor status`")
        time.sleep(_LOOK_EVERY_S)


def command(plan: Plan) -> list[str]:
    """Return the command line of the supervisor in the background."""
    promises, choices = plan.promises, plan.choices
    return [
        *(sys.executable, "-m", "monitor", "--run-dir", str(plan.layout.run_dir), "--env", promises.environment),
        *(("--catalogue", str(promises.catalogue.absolute())) if promises.catalogue else ()),
        *("up", "--supervise", "--port-offset", str(plan.layout.port_offset)),
        *("--traffic-rate", f"{choices.traffic_rate:g}"),
        *(("--only", ",".join(choices.only)) if choices.only else ()),
        *(("--while-pid", str(plan.while_pid)) if plan.while_pid else ()),
    ]


def _spawn(plan: Plan, log: Path) -> int:
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # Not subprocess: its Popen objects complain when their process outlives them, which is the purpose here.
    return os.posix_spawn(
        sys.executable,
        command(plan),
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _await(plan: Plan, pid: int, last_words: Callable[[], str], progress: Callable[[StackStatus], None]) -> StackStatus:
    client = StackClient(plan.layout.control_socket)
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    ours = True
    while time.monotonic() < deadline:
        ended, code = os.waitpid(pid, os.WNOHANG) if ours else (0, 0)
        if ended:
            ours = False
            # Beaten by another `up` at the same moment: its stack is as good.
            if at_work(plan.layout.run_dir)[0] != "up":
                raise _failure(os.waitstatus_to_exitcode(code), last_words())
        try:
            status = client.describe()
        except Unavailable:
            if not ours and at_work(plan.layout.run_dir)[0] != "up":
                raise
        else:
            progress(status)
            if status.healthy:
                return status
        time.sleep(_LOOK_EVERY_S)
    if not ours:
        raise Unavailable(f"the stack is not healthy after {HEALTHY_WITHIN_S:.0f} s: see `monitor status`")
    raise NotHealthyError(
        f"the stack was not healthy after {HEALTHY_WITHIN_S:.0f} s and was stopped: see {plan.layout.logs}"
    )


def _failure(code: int, words: str) -> MonitorError:
    said = words or f"the supervisor ended with status {code}"
    return InputError(said) if code == Exit.WRONG_INPUT else Unavailable(said)


def _last_words(log: Path, since: int) -> str:
    """Return the error that the supervisor ended with: what follows ``monitor:`` in its log."""
    with log.open("rb") as stream:
        stream.seek(since)
        text = stream.read().decode(errors="replace")
    _, found, words = text.rpartition("\nmonitor: ") if "\nmonitor: " in text else text.partition("monitor: ")
    return words.strip() if found else f"the supervisor ended without a word in its log {log}: is its disk full?"
