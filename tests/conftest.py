"""What all tests share: the embedded stack on free ports, and a guard that keeps unit tests off the network."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from monitor import settings as settings_module
from monitor.errors import InputError
from monitor.settings import Settings
from monitor.stack.client import StackClient
from monitor.stack.components import Choices
from monitor.stack.derived import Promises
from monitor.stack.launch import start_detached
from monitor.stack.layout import HOST, PORTS, Layout
from monitor.stack.procfs import is_free
from monitor.stack.run import Plan
from monitor.stack.teardown import tear_down
from telemetry import logs
from tests.steady import steady

# How long an example takes is the machine's business, which runs other workers too.
hypothesis.settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared machine")

BUNDLED_PROMISES = Promises()
HIGHEST_OFFSET = 32_768 - max(PORTS.values()) - 1
"""Above, Linux hands out the ports of outgoing connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedStack:
    """A running stack: where everything is, what may be done to it, and the settings that ``monitor`` uses there."""

    layout: Layout
    client: StackClient
    settings: Settings


WHOLE_STACKS = "whole stacks"
WAIT_FOR_TIME = frozenset({"test_dashboards_answer", "test_runbooks_run", "test_slo_list_stack"})
"""What asks a stack for figures of its first minutes: last, so that others work meanwhile instead of waiting."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Say which tests share servers, so that two workers neither start them twice nor run two whole stacks at once.

    A file stays together; all files that run a whole stack are one worker's, and first, for they take longest. Order
    within both is as it came, but that what waits for time comes last.

    xdist reads the marks while this hook runs, so they are given before all others; and pytest-randomly shuffles in it,
    so the order is made after them.
    """
    groups = {item.path: _servers(item) or str(item.path) for item in sorted(items, key=_servers)}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item.path]))
    yield
    items.sort(key=lambda item: (groups[item.path] != WHOLE_STACKS, item.path.stem in WAIT_FOR_TIME))


def _servers(item: pytest.Item) -> str:
    """Which of the servers that files share a test uses; whole stacks sort last, so that they decide for their file."""
    if item.get_closest_marker("stack"):
        return WHOLE_STACKS
    return "replica set" if "replica_set" in getattr(item, "fixturenames", ()) else ""


@pytest.fixture(scope="session", autouse=True)
def strict_logs() -> None:
    """Let a log event, field or value that is not declared fail the test that wrote it."""
    logs.configure("tests", strict=True)


@pytest.fixture
async def steady_time(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Let an asynchronous test, and what it tries in this process, go by a clock that does not count stalls."""
    with steady(asyncio.get_running_loop()) if iscoroutinefunction(request.function) else nullcontext():
        yield


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Give the whole embedded stack, healthy, with simulated patients."""
    _only_one_worker(tmp_path_factory)
    yield from running_stack(tmp_path_factory.mktemp("stack"))


@pytest.fixture
def fresh_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Give a whole stack of the test's own: what an outage leaves in the error budget must not reach other tests."""
    yield from running_stack(tmp_path_factory.mktemp("fresh-stack"))


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Give only the three MongoDB members, with users."""
    yield from running_stack(tmp_path_factory.mktemp("replica-set"), only=("mongo-1", "mongo-2", "mongo-3"))


def _only_one_worker(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fail where another worker has a stack already: then xdist does not keep groups together, and all takes thrice."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return
    first = tmp_path_factory.getbasetemp().parent / "whole-stack"
    with suppress(FileExistsError), first.open("x") as file:
        file.write(worker)
    owner = first.read_text()
    assert owner == worker, f"{owner} runs a whole stack, and so would {worker}: xdist does not keep groups together"


def running_stack(
    run_dir: Path, *, only: tuple[str, ...] = (), promises: Promises = BUNDLED_PROMISES
) -> Iterator[EmbeddedStack]:
    """Run a stack while the generator is open. Its logs stay; its data goes."""
    layout = start_on_free_ports(run_dir, only=only, promises=promises)
    try:
        yield EmbeddedStack(
            layout=layout,
            client=StackClient(layout.control_socket),
            settings=settings_module.load(environ={}, flags={"run_dir": run_dir}),
        )
    finally:
        tear_down(run_dir)
        shutil.rmtree(layout.data, ignore_errors=True)


def start_on_free_ports(run_dir: Path, *, only: tuple[str, ...] = (), promises: Promises = BUNDLED_PROMISES) -> Layout:
    """Start a stack; when another test run takes a port in between, try elsewhere."""
    for attempt in range(5):
        layout = Layout(run_dir=run_dir, port_offset=free_offset())
        try:
            # Also ends when this test run is killed and can tear nothing down.
            plan = Plan(layout=layout, choices=Choices(only=only), promises=promises, while_pid=os.getpid())
            start_detached(plan)
        except InputError as error:
            if "is held by" not in str(error) or attempt == 4:
                raise
        else:
            return layout
    raise AssertionError("unreachable")


def free_offset() -> int:
    """Return a port offset at which every listener of a stack is free now."""
    # Not the seeded generator that pytest-randomly resets: two test runs would meet at the same ports.
    chance = random.SystemRandom()
    while True:
        offset = chance.randrange(100, HIGHEST_OFFSET)
        if all(is_free(HOST, port + offset) for port in PORTS.values()):
            return offset


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a unit test that reaches for the network fail, instead of passing only where something answers."""
    if "unit" not in request.path.relative_to(Path(__file__).parent).parts:
        return

    # A client that other tests keep open watches its servers from threads of its own, unit test or not.
    others = set(threading.enumerate()) - {threading.main_thread()}

    def refusing(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if threading.current_thread() in others:
                return method(*arguments)
            raise AssertionError("a unit test opens no sockets: put it into tests/contract")

        return call

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refusing(getattr(socket.socket, name)))
