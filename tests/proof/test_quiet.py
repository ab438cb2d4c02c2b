"""Ordinary life wakes nobody: traffic, a backup, a verification, rolling restarts, a failover."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from monitor import clock
from monitor.stack.layout import COMPONENTS
from monitor.stack.replica_set import MEMBERS
from tests.end_to_end.outages import alerts, eventually, monitor
from tests.proof.replica_set import primary_of

HEALTHY_WITHIN_S = 90
OTHERS = tuple(name for name in COMPONENTS if name not in MEMBERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What happens within so many minutes, evenly spread: a backup, the restarts, then a verification."""

    minutes: float
    restarts: Callable[[Any], tuple[str, ...]]
    """Who is restarted in a stack, one after the other."""
    failover: bool = False
    good: float | None = None
    """The least share of requests that must succeed; ``None`` where the only edge is restarted too."""


def everything(stack: Any) -> tuple[str, ...]:
    """Every component, as an operator would: the secondaries, then the primary; then what stands before them."""
    primary = primary_of(stack)
    assert primary, "a stack that is healthy has a primary"
    return (*sorted(MEMBERS, key=lambda name: name == primary), *OTHERS)


LIVES = {
    "twenty-minutes": Life(minutes=20, restarts=lambda _: ("app-1", "app-2"), good=0.9995),
    "hour": Life(minutes=60, restarts=everything, failover=True),
}


@pytest.mark.stack
@pytest.mark.proof
@pytest.mark.parametrize(
    "life",
    [pytest.param(life, id=name, marks=pytest.mark.timeout((life.minutes + 15) * 60)) for name, life in LIVES.items()],
)
def test_ordinary_life_has_no_critical_alert(fresh_stack: Any, life: Life) -> None:
    began, started = time.monotonic(), clock.now()
    steps = list(events(fresh_stack, life))
    for number, step in enumerate(steps):
        time.sleep(max(0.0, began + life.minutes * 60 * number / len(steps) - time.monotonic()))
        step()
        fresh_stack.client.wait_until_healthy(within_s=HEALTHY_WITHIN_S)
    time.sleep(max(0.0, began + life.minutes * 60 - time.monotonic()))

    assert alerts(fresh_stack.layout.url("web"), severity="critical", since=started) == []
    if life.good is not None:
        listed = monitor(fresh_stack.layout.run_dir, "slo", "list", "--json")
        statuses = {slo["name"]: slo for slo in json.loads(listed.stdout)}
        assert statuses["availability"]["sli"] >= life.good


def events(stack: Any, life: Life) -> Iterator[Callable[[], None]]:
    """The life's events in their order."""
    yield partial(run, stack, "run")
    yield from (partial(stack.client.restart, name) for name in life.restarts(stack))
    if life.failover:
        yield partial(fail_over, stack)
    yield partial(run, stack, "verify")


def run(stack: Any, command: str) -> None:
    """Take or verify a backup by hand."""
    done = monitor(stack.layout.run_dir, "backup", command, "--json", timeout_s=300)
    assert done.returncode == 0, done.stderr


def fail_over(stack: Any) -> None:
    """Kill the primary: its supervisor starts it again, and another one has become primary meanwhile."""
    before = primary_of(stack)
    stack.client.kill(before)
    eventually(lambda: primary_of(stack) not in {"", before}, within_s=60, what=f"another primary than {before}")
