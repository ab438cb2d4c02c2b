"""The whole embedded stack, as `make up` starts it."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pymongo
import pytest
import redis as redis_client
import requests
from pymongo.errors import OperationFailure

from monitor.settings import read_secret
from monitor.stack.layout import COMPONENTS, DATABASE
from monitor.stack.procfs import find_marked
from tests.conftest import EmbeddedStack
from tests.contract.stack_process import eventually, monitor

pytestmark = pytest.mark.stack

UNAUTHORIZED = 13

AGAIN_WITHIN_S = 40.0
"""A stack that was there before is back in this time: its data are kept, its databases need not be set up."""


def test_every_component_is_healthy_and_has_an_address(stack: EmbeddedStack) -> None:
    status = stack.client.wait_until_healthy()
    assert [component.name for component in status.components] == list(COMPONENTS)
    assert [component.name for component in status.components if not component.address] == ["traffic"]


def test_a_second_up_on_existing_data_is_healthy_within_40_s(fresh_stack: EmbeddedStack) -> None:
    layout = fresh_stack.layout
    assert monitor(layout, "down").returncode == 0
    options = ("--port-offset", str(layout.port_offset), "--while-pid", str(os.getpid()))
    started = time.monotonic()
    done = monitor(layout, "up", "--detach", *options)
    took_s = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert {component.state for component in fresh_stack.client.describe().components} == {"healthy"}
    assert took_s < AGAIN_WITHIN_S


def test_every_scrape_target_is_up(stack: EmbeddedStack) -> None:
    def targets() -> dict[str, str]:
        found = requests.get(f"{stack.layout.url('prometheus')}/api/v1/targets", timeout=5).json()["data"]
        return {target["labels"]["instance"]: target["health"] for target in found["activeTargets"]}

    eventually(lambda: set(targets().values()) == {"up"})
    assert sorted(targets()) == [
        *("alertmanager", "app-1", "app-2", "edge", "exporters", "prometheus", "web", "work"),
    ]


def test_prometheus_can_be_neither_stopped_nor_changed_over_http(stack: EmbeddedStack) -> None:
    assert requests.post(f"{stack.layout.url('prometheus')}/-/quit", timeout=5).status_code == HTTPStatus.FORBIDDEN


def test_no_password_is_on_any_command_line(stack: EmbeddedStack) -> None:
    layout = stack.layout
    secrets = [file.read_bytes() for file in layout.secrets.iterdir() if file.suffix != ".acl"]
    processes = find_marked(layout.run_dir)
    assert {*COMPONENTS} <= {process.name for process in processes}
    for process in processes:
        for part in ("cmdline", "environ"):
            text = Path(f"/proc/{process.pid}/{part}").read_bytes()
            assert not [secret for secret in secrets if secret in text], (process.name, part)


def test_nothing_in_the_run_directory_is_open_to_others(stack: EmbeddedStack) -> None:
    assert stat.S_IMODE(stack.layout.run_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(stack.layout.control_socket.stat().st_mode) == 0o600
    open_files = [file for file in stack.layout.secrets.iterdir() if stat.S_IMODE(file.stat().st_mode) != 0o600]
    assert open_files == []


# --- MongoDB ---------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["app", "exporters", "backup"])
def mongodb_user(stack: EmbeddedStack, request: pytest.FixtureRequest) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    with mongodb(stack, request.param) as client:
        yield client


def test_mongodb_answers_nobody_without_a_password(stack: EmbeddedStack) -> None:
    with pymongo.MongoClient[dict[str, Any]](stack.layout.mongodb_uri, timeoutMS=10_000) as client:
        refused(client[DATABASE].list_collection_names)


def test_no_service_user_may_manage_users(mongodb_user: pymongo.MongoClient[dict[str, Any]]) -> None:
    refused(lambda: mongodb_user.admin.command("createUser", "mallory", pwd="x", roles=["root"]))


def test_only_the_app_writes_appointments(stack: EmbeddedStack) -> None:
    for user in ("exporters", "backup"):
        with mongodb(stack, user) as client:
            refused(lambda client=client: client[DATABASE]["appointments"].insert_one({}))


def test_elections_are_fast_and_writes_wait_for_a_majority(stack: EmbeddedStack) -> None:
    with mongodb(stack, "admin") as client:
        config = client.admin.command("replSetGetConfig")["config"]
        concern = client.admin.command("getDefaultRWConcern")["defaultWriteConcern"]
    assert config["settings"]["electionTimeoutMillis"] == 2000
    assert config["settings"]["heartbeatIntervalMillis"] == 500
    assert [member["priority"] for member in config["members"]] == [1, 1, 1]
    assert concern["w"] == "majority"


# --- Redis -----------------------------------------------------------------------------------------------------------


def test_redis_answers_nobody_without_a_password(stack: EmbeddedStack) -> None:
    with redis_client.Redis(port=stack.layout.port("redis")) as client, pytest.raises(redis_client.AuthenticationError):
        client.ping()


@pytest.mark.parametrize(
    ("user", "command"),
    [
        ("app", ("FLUSHALL",)),
        ("app", ("CONFIG", "GET", "*")),
        ("app", ("GET", "somebody:elses")),
        ("exporters", ("GET", "slots:x")),
        ("exporters", ("CONFIG", "SET", "maxmemory", "1")),
        ("backup", ("GET", "slots:x")),
        ("backup", ("SHUTDOWN",)),
    ],
)
def test_redis_refuses_what_a_user_has_no_business_with(
    stack: EmbeddedStack, user: str, command: tuple[str, ...]
) -> None:
    password = read_secret(stack.layout.redis_password(user), "redis_password")
    client = redis_client.Redis(port=stack.layout.port("redis"), username=user, password=password)
    # Whom Redis does not know it refuses with another error.
    with client, pytest.raises(redis_client.exceptions.NoPermissionError):
        client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py does not annotate it


# --- helpers ---------------------------------------------------------------------------------------------------------


def mongodb(stack: EmbeddedStack, user: str) -> pymongo.MongoClient[dict[str, Any]]:
    password = read_secret(stack.layout.mongodb_password(user), "mongodb_password")
    return pymongo.MongoClient(stack.layout.mongodb_uri, username=user, password=password, timeoutMS=10_000)


def refused(operation: Any) -> None:
    with pytest.raises(OperationFailure) as caught:
        operation()
    assert caught.value.code == UNAUTHORIZED
