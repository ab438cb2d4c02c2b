"""What the supervisor does to and for its components, shown on a real Redis (the fastest of them to start)."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from monitor import clock
from monitor.errors import InputError, Unavailable
from monitor.stack.client import StackClient
from monitor.store import Store
from tests.conftest import EmbeddedStack, running_stack
from tests.contract.stack_process import eventually, monitor, process_state
from tests.steady import undisturbed


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    yield from running_stack(tmp_path_factory.mktemp("redis"), only=("redis",))


@pytest.fixture(autouse=True)
def _healthy_again(redis: EmbeddedStack) -> Iterator[None]:
    yield
    redis.client.start("redis")
    redis.client.wait_for("redis", "healthy")


def test_a_killed_component_is_started_again(redis: EmbeddedStack) -> None:
    before = redis.client.component("redis").pid
    redis.client.kill("redis")
    after = eventually(lambda: running(redis.client) not in {None, before} and running(redis.client))
    assert after != before
    redis.client.wait_for("redis", "healthy")


def test_a_held_component_stays_down_until_the_hold_expires(redis: EmbeddedStack) -> None:
    def attempt() -> None:
        redis.client.wait_for("redis", "healthy")
        started = time.monotonic()
        redis.client.kill("redis", hold_s=2)
        eventually(lambda: running(redis.client) is None, within_s=5)
        while True:
            found = redis.client.component("redis")
            if time.monotonic() - started > 1.9:
                break
            assert (found.state, found.pid) == ("held", None)
            time.sleep(0.1)
        redis.client.wait_for("redis", "healthy")
        assert time.monotonic() - started >= 2

    undisturbed(attempt)


def test_a_released_component_comes_back_at_once(redis: EmbeddedStack) -> None:
    redis.client.hold("redis", 600)
    redis.client.kill("redis")
    eventually(lambda: running(redis.client) is None)
    redis.client.release("redis")
    redis.client.wait_for("redis", "healthy")


def test_a_frozen_component_thaws_when_its_hold_expires(redis: EmbeddedStack) -> None:
    def attempt() -> None:
        pid = redis.client.wait_for("redis", "healthy").pid
        redis.client.pause("redis", seconds=1.5)
        eventually(lambda: process_state(pid) == "T", within_s=5)
        assert redis.client.component("redis").state == "held"
        eventually(lambda: process_state(pid) != "T")
        assert redis.client.wait_for("redis", "healthy").pid == pid

    undisturbed(attempt)


def test_a_frozen_component_is_resumed_on_request(redis: EmbeddedStack) -> None:
    pid = redis.client.component("redis").pid
    redis.client.pause("redis")
    eventually(lambda: process_state(pid) == "T")
    redis.client.resume("redis")
    assert process_state(pid) != "T"
    assert redis.client.wait_for("redis", "healthy").pid == pid


def test_a_hung_component_is_unhealthy_and_left_alone(redis: EmbeddedStack) -> None:
    pid = redis.client.component("redis").pid
    assert pid is not None
    # Behind the supervisor's back, as a hang comes.
    os.kill(pid, signal.SIGSTOP)
    try:
        assert redis.client.wait_for("redis", "unhealthy").pid == pid
    finally:
        os.kill(pid, signal.SIGCONT)
    assert redis.client.wait_for("redis", "healthy").pid == pid


def test_a_stopped_component_stays_stopped_until_started(redis: EmbeddedStack) -> None:
    redis.client.stop("redis")
    found = redis.client.component("redis")
    assert (found.state, found.pid) == ("stopped", None)
    time.sleep(1)
    assert redis.client.component("redis").state == "stopped"
    redis.client.start("redis")
    redis.client.wait_for("redis", "healthy")


def test_a_restart_answers_when_the_component_is_healthy_again(redis: EmbeddedStack) -> None:
    before = redis.client.component("redis").pid
    redis.client.restart("redis")
    after = redis.client.component("redis")
    assert after.state == "healthy"
    assert after.pid != before


def test_each_change_of_state_goes_into_the_store(redis: EmbeddedStack) -> None:
    since = clock.now()
    redis.client.restart("redis")
    with Store.open(redis.layout.state) as store:
        states = eventually(lambda: settled(store, since))
        newest = store.components()[0]
    assert states == ["stopped", "starting", "healthy"]
    assert (newest.name, newest.state, newest.address) == ("redis", "healthy", redis.layout.address("redis"))


def test_status_prints_the_documented_json(redis: EmbeddedStack) -> None:
    done = monitor(redis.layout, "status", "--json")
    assert done.returncode == 0, done.stderr
    pid = redis.client.component("redis").pid
    expected = {"name": "redis", "state": "healthy", "pid": pid, "address": redis.layout.address("redis")}
    assert json.loads(done.stdout) == {"components": [expected]}


def test_status_exits_1_while_something_is_not_healthy(redis: EmbeddedStack) -> None:
    redis.client.hold("redis", 600)
    assert monitor(redis.layout, "status").returncode == 1


def test_a_second_up_says_that_all_is_well(redis: EmbeddedStack) -> None:
    done = monitor(redis.layout, "up", "--detach", "--port-offset", str(redis.layout.port_offset))
    assert done.returncode == 0
    assert "already up" in done.stdout


def test_an_up_with_other_ports_is_refused(redis: EmbeddedStack) -> None:
    done = monitor(redis.layout, "up", "--detach", "--port-offset", str(redis.layout.port_offset + 1))
    assert done.returncode == 2
    assert f"--port-offset {redis.layout.port_offset}" in done.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"op": "hold", "name": "redis"}\n', "hold needs seconds"),
        (b'{"op": "hold", "name": "postgres", "seconds": 1}\n', "no such component: postgres"),
        (b'{"op": "explode", "name": "redis"}\n', "op is one of"),
        (b"hello\n", "one JSON object"),
    ],
)
def test_a_request_that_makes_no_sense_gets_one_clear_error(redis: EmbeddedStack, line: bytes, said: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(str(redis.layout.control_socket))
        connection.sendall(line)
        answer = json.loads(connection.makefile("rb").readline())
    assert answer["ok"] is False
    assert said in answer["error"]


def test_what_is_not_running_cannot_be_killed(redis: EmbeddedStack) -> None:
    redis.client.stop("redis")
    with pytest.raises(InputError, match="not running"):
        redis.client.kill("redis")


def test_without_a_supervisor_the_client_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="start it with `monitor up`"):
        StackClient(tmp_path / "control.sock").status()


# --- helpers ---------------------------------------------------------------------------------------------------------


def running(client: StackClient) -> int | None:
    return client.component("redis").pid


def settled(store: Store, since: datetime) -> list[str]:
    states = [change.state for change in store.component_changes(since=since)]
    return states if states[-1:] == ["healthy"] else []
