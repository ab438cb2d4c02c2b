"""Clients become groups; how they call themselves is their own choice, and must not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from exporters.collector import CollectError, Deadline
from exporters.readings import OTHER, Readings
from exporters.reasons import Reason
from exporters.redis.clients import Groups, RedisClientsCollector
from exporters.redis.names import Members, fold
from exporters.redis.wire import Command, Refusal, Reply

if TYPE_CHECKING:
    from exporters.redis.source import Redis

LINE = (
    "id=3 addr=127.0.0.1:5000 laddr=127.0.0.1:6379 fd=8 name={name} age=1 idle={idle} flags={flags} db=0 sub=0 psub=0 "
    "ssub=0 multi=-1 qbuf=26 qbuf-free=20448 argv-mem=10 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 omem=5 tot-mem=100 "
    "events=r cmd=client|list user={user} redir=-1 resp=2 lib-name= lib-ver="
)


def client(name: str = "app", user: str = "default", flags: str = "N", idle: int = 0) -> str:
    return LINE.format(name=name, user=user, flags=flags, idle=idle)


def grouped(*lines: str) -> dict[tuple[str, ...], float]:
    groups, readings = Groups(Members()), Readings(RedisClientsCollector.metrics)
    groups.add(lines)
    groups.write(readings)
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }


def test_clients_of_one_name_user_and_kind_are_one_group() -> None:
    found = grouped(client(idle=3), client(idle=9), client(flags="S"), client(user="backup"))
    assert found["redis_clients", "app", "default", "normal"] == 2
    assert found["redis_clients", "app", "default", "replica"] == 1
    assert found["redis_clients", "app", "backup", "normal"] == 1
    assert found["redis_clients_memory_bytes", "app", "default", "normal"] == 200
    assert found["redis_clients_output_buffer_bytes", "app", "default", "normal"] == 10
    assert found["redis_clients_longest_idle_seconds", "app", "default", "normal"] == 9
    assert not [key for key in found if "127.0.0.1" in "".join(key)]


def test_kinds_are_a_closed_list() -> None:
    kinds = {
        flags: next(key[3] for key in grouped(client(flags=flags))) for flags in ("N", "b", "P", "O", "M", "x", "?")
    }
    assert kinds == {
        "N": "normal",
        "b": "blocked",
        "P": "pubsub",
        "O": "monitor",
        "M": "master",
        "x": "transaction",
        "?": "normal",
    }


def word(number: int) -> str:
    """Name a client without digits."""
    return "of-" + "".join(chr(ord("a") + int(digit)) for digit in str(number))


def counts(found: dict[tuple[str, ...], float]) -> dict[str, float]:
    return {key[1]: value for key, value in found.items() if key[0] == "redis_clients"}


def test_as_many_names_as_clients_make_few_series_that_add_up() -> None:
    found = counts(grouped(*(client(name=word(number)) for number in range(500)), *([client()] * 7)))
    assert len(found) == 33
    assert found["app"] == 7
    assert sum(found.values()) == 507
    assert found[OTHER] == 507 - 7 - 31


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        (("worker-17", "worker-18"), "worker-*"),
        (("worker-0f8fad5b-d9cb-469f-a165-70867728950e", "worker-7c9e6679-7425-40de-944b-e07fc1f90ae7"), "worker-*"),
        (("api-6d4cf56db6-x7k2p", "api-6d4cf56db6-bcdfg"), "api-*"),
        (("agent-hwq2c",), "agent-*"),
        (("job:deadbeef01", "job:0123456789abcdef"), "job:*"),
        (("node@10.0.0.7:5000",), "node@*.*.*.*:*"),
        (("sidekiq-V1StGXR8",), "sidekiq-*"),
        (("booking",), "booking"),
        (("facade", "facade"), "facade"),
        (("", ""), ""),
        (("x" * 65,), OTHER),
    ],
)
def test_what_was_made_up_in_a_name_is_no_label(names: tuple[str, ...], folded: str) -> None:
    assert {fold(name) for name in names} == {folded}
    assert fold(folded) == folded


def test_who_is_shown_stays_whoever_else_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    members, moment = Members(), 1_000.0
    monkeypatch.setattr("exporters.redis.names.time.monotonic", lambda: moment)

    def shown(*lines: str) -> dict[str, float]:
        groups, readings = Groups(members), Readings(RedisClientsCollector.metrics)
        groups.add(lines)
        groups.write(readings)
        keys, values = readings.series["redis_clients"]
        return {key[0]: value for key, value in zip(keys, values, strict=True)}

    first = [client(name=word(number)) for number in range(32)]
    assert OTHER not in shown(*first)
    crowd = [client(name="late")] * 50
    for _ in range(10):
        moment += 15
        assert shown(*first[1:], *crowd)[OTHER] == 50, "larger, but later"
    assert shown(*first, *crowd)[word(0)] == 1, "came back in time"
    for _ in range(300):
        moment += 15
        shown(*first[1:], *crowd)
    assert shown(*first[1:], *crowd)["late"] == 50, "there was room after an hour"
    assert shown(*first, *crowd)[OTHER] == 1


def test_a_name_cannot_forge_a_field() -> None:
    found = grouped(client(name="user=admin,flags=M"), client(name='"},{evil="x'), "garbage", "")
    assert found["redis_clients", "user=admin,flags=M", "default", "normal"] == 1
    assert found["redis_clients", '"},{evil="x', "default", "normal"] == 1
    assert found["redis_clients", "", "", "normal"] == 2


class Said:
    """A source that says what a test wants it to."""

    def __init__(self, **replies: Reply) -> None:
        self.connection = 1
        self.replies = replies
        self.asked: list[str] = []

    async def ask(self, *commands: Command) -> list[Reply]:
        names = ["_".join(command).lower() for command in commands]
        self.asked += names
        return [self.replies[name] for name in names]


def collector(said: Said) -> RedisClientsCollector:
    return RedisClientsCollector(cast("Redis", said))


async def readings_of(clients: RedisClientsCollector) -> Readings:
    readings = Readings(clients.metrics)
    await clients.read(readings, Deadline(1))
    return readings


async def test_a_list_that_is_denied_is_not_asked_for_every_time() -> None:
    said = Said(info_clients="connected_clients:2", client_list=Refusal("NOPERM no permissions"))
    clients = collector(said)
    for _ in range(3):
        with pytest.raises(CollectError) as told:
            await readings_of(clients)
        assert told.value.reason is Reason.DENIED
    assert said.asked.count("client_list") == 1
    said.connection += 1
    with pytest.raises(CollectError):
        await readings_of(clients)
    assert said.asked.count("client_list") == 2, "another connection may have other rights"


async def test_too_many_clients_are_a_pause_with_totals_and_not_a_failure() -> None:
    said = Said(
        info_clients="connected_clients:2001\r\nblocked_clients:9\r\npubsub_clients:2",
        info_replication="connected_slaves:3",
        client_list=client(),
    )
    clients = collector(said)
    await clients.start()
    page = Readings(clients.metrics)
    await clients.collect(page, Deadline(1))
    await clients.close()
    assert page.fault is None
    assert page.paused
    assert page.series["redis_clients"] == (
        [(OTHER, OTHER, kind) for kind in ("normal", "blocked", "pubsub", "replica")],
        [1_990, 9, 2, 3],
    )
    assert "client_list" not in said.asked


async def test_a_number_of_clients_near_the_limit_does_not_let_names_come_and_go() -> None:
    said = Said(info_replication="", client_list=client())
    clients = collector(said)
    named = []
    for connected in (1_999, 2_001, 1_999, 1_801, 1_800, 1_999):
        said.replies["info_clients"] = f"connected_clients:{connected}"
        keys, _ = (await readings_of(clients)).series["redis_clients"]
        named.append(keys[0][0] == "app")
    assert named == [True, False, False, False, True, True]
