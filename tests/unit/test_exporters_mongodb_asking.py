"""Which members are asked for slow figures, in which order, and for how long at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from pymongo.errors import OperationFailure

from exporters.collector import CollectError, Deadline
from exporters.mongodb import currentop, sweep
from exporters.mongodb.asking import MemberCollector, Pace
from exporters.mongodb.source import Member, Mongodb
from exporters.mongodb.sweep import Namespace, Sweep
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings
from telemetry.metric import Metric

pytestmark = pytest.mark.usefixtures("steady_time")

A = "a:1"


def flat(readings: Readings) -> dict[tuple[str, ...], float]:
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }


class Counts(MemberCollector):
    """Counts how often each member is asked."""

    name: ClassVar[str] = "counts"
    metrics: ClassVar[tuple[Metric, ...]] = (currentop.FSYNC_LOCK,)
    every: ClassVar[float] = 60.0

    def __init__(self, *members: Any) -> None:
        source = SimpleNamespace(members=members, resolve=lambda _deadline: asyncio.sleep(0))
        super().__init__(cast("Mongodb", source), Settings())
        self.asked: Counter[str] = Counter()

    async def ask(self, member: Member, readings: Readings, deadline: Deadline) -> None:
        self.asked[member.name] += 1
        readings.add(currentop.FSYNC_LOCK, self.asked[member.name], member.name)

    async def turn(self) -> dict[tuple[str, ...], float]:
        self._fault = await self._read()
        self._tried.set()
        readings = Readings(self.metrics)
        await self.collect(readings, Deadline(1))
        assert readings.fault is None
        return flat(readings)


class Watched:
    """A member that fares as the test says."""

    def __init__(self, name: str) -> None:
        self.name, self.up, self.bears_data, self.struggling = name, True, True, False
        self.is_known = True
        self.seconds: dict[str, float] = {}


async def test_one_that_struggles_keeps_its_last_figures_for_a_while_and_the_others_go_on() -> None:
    one, other = Watched("a:1"), Watched("b:2")
    counts = Counts(one, other)
    lock = "mongodb_currentop_fsync_lock_state"
    assert await counts.turn() == {(lock, "a:1"): 1, (lock, "b:2"): 1}
    other.struggling = True
    for turn in (2, 3):
        assert await counts.turn() == {(lock, "a:1"): turn, (lock, "b:2"): 1}
    for member in counts._read_at:
        counts._read_at[member] -= 3 * counts.every
    readings = Readings(counts.metrics)
    await counts.collect(readings, Deadline(1))
    assert readings.age >= 3 * counts.every, "as old as the oldest"
    assert await counts.turn() == {(lock, "a:1"): 4}, "too old"
    other.struggling = False
    assert await counts.turn() == {(lock, "a:1"): 5, (lock, "b:2"): 2}


async def test_one_that_answers_in_another_shape_costs_its_own_samples_and_leaves_no_half_of_them() -> None:
    class Odd(Counts):
        async def ask(self, member: Member, readings: Readings, deadline: Deadline) -> None:
            await super().ask(member, readings, deadline)
            if member.name == "b:2":
                raise KeyError("what is not there")

    counts = Odd(Watched("a:1"), Watched("b:2"))
    readings = Readings(counts.metrics)
    await counts.read(readings, Deadline(1))
    assert flat(readings) == {("mongodb_currentop_fsync_lock_state", "a:1"): 1}
    assert readings.partial == [Reason.MALFORMED]


async def test_where_only_a_router_or_an_arbiter_is_watched_there_is_nothing_to_read_and_no_failure() -> None:
    router = Watched("a:1")
    router.is_known = False

    async def introduce(_deadline: Deadline) -> None:
        router.is_known, router.bears_data = True, False

    router.introduce = introduce  # type: ignore[attr-defined]  # as the real one learns it
    counts = Counts(router)
    assert await counts.turn() == {}
    assert not counts.asked
    router.up = False
    readings = Readings(counts.metrics)
    with pytest.raises(CollectError):
        await counts.read(readings, Deadline(1))


class Listing:
    """Lists names as a member would."""

    name = A

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.lists = 0

    async def run(self, command: Mapping[str, Any], deadline: Deadline, *, database: str = "admin") -> dict[str, Any]:
        if "listDatabases" in command:
            return {"databases": [{"name": "d"}, {"name": "local"}]}
        self.lists += 1
        rows = [{"name": name, "type": "view" if name == "view" else "collection"} for name in self.names]
        half = len(rows) // 2
        if "getMore" in command:
            return {"cursor": {"id": 0, "nextBatch": rows[half:]}}
        return {"cursor": {"id": 5, "firstBatch": rows[:half]}}


async def turn(found: Sweep[int], listing: Listing, ask: Any, share: float = 1) -> Readings:
    readings = Readings(())
    await found.turn(cast("Member", listing), readings, Deadline(5), share=share, ask=ask)
    return readings


async def test_a_sweep_asks_about_collections_and_about_nothing_else() -> None:
    asked: list[Namespace] = []

    async def ask(name: Namespace) -> int:
        asked.append(name)
        return 1

    found: Sweep[int] = Sweep()
    await turn(found, Listing("b", "view", "system.views", "a", "system.buckets.ts", "ts"), ask)
    assert asked == [("d", "a"), ("d", "b"), ("d", "ts")]
    assert found.values == dict.fromkeys(asked, 1)
    await turn(found, Listing(), ask)
    assert len(asked) == 3, "none is due again"


async def test_a_turn_ends_with_its_budget_and_the_next_goes_on_there() -> None:
    asked: list[str] = []

    async def ask(name: Namespace) -> int:
        asked.append(name[1])
        await asyncio.sleep(0.002)
        return 1

    names = [f"{number:03}" for number in range(60)]
    found, listing = Sweep[int](), Listing(*names)
    turns = 0
    while len(asked) < len(names):
        before = len(asked)
        await turn(found, listing, ask, share=0.002)
        turns += 1
        assert 0 < len(asked) - before <= 15, "30 ms of 2 ms questions, each with its rest"
    assert asked == names, "each once, in order"
    assert listing.lists == 2, "the names were listed once, in two batches"
    assert len(found.values) == 60
    assert found.oldest >= 0


async def test_one_that_was_dropped_or_is_denied_does_not_stop_the_others() -> None:
    async def ask(name: Namespace) -> int:
        if name[1] == "dropped":
            raise CollectError(Reason.ERROR) from OperationFailure("gone", 26)
        if name[1] == "denied":
            raise CollectError(Reason.DENIED)
        return 1

    found: Sweep[int] = Sweep()
    readings = await turn(found, Listing("a", "denied", "dropped", "z"), ask)
    assert set(found.values) == {("d", "a"), ("d", "z")}
    assert ("d", "dropped") not in found.names
    assert readings.partial == [Reason.DENIED]


async def test_a_member_that_goes_silent_keeps_what_was_read_and_one_that_never_spoke_has_failed() -> None:
    silent = False

    async def ask(name: Namespace) -> int:
        if silent or name[1] == "b":
            raise CollectError(Reason.TIMEOUT)
        return 1

    found: Sweep[int] = Sweep()
    readings = await turn(found, Listing("a", "b"), ask)
    assert readings.partial == [Reason.TIMEOUT]
    assert found.values == {("d", "a"): 1}
    silent = True
    with pytest.raises(CollectError):
        await turn(Sweep(), Listing("a"), ask)


async def test_what_was_read_too_long_ago_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(name: Namespace) -> int:
        return 1

    found: Sweep[int] = Sweep()
    await turn(found, Listing("a"), ask)
    known = found._known["d", "a"]
    found._known["d", "a"] = replace(known, at=known.at - 3 * sweep.REFRESH - 1)
    assert found.values == {}
    assert found.oldest > 3 * sweep.REFRESH


async def test_a_pace_rests_as_long_as_it_asked() -> None:
    pace, loop = Pace(0.05), asyncio.get_running_loop()
    started = loop.time()
    while not pace.spent:
        async with pace:
            await asyncio.sleep(0.01)
    assert loop.time() - started >= 0.09
    assert pace.asked <= 5
