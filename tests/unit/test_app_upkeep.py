"""What upkeep owes first, and that one job's trouble is not another's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from prometheus_client import CollectorRegistry

from app.metrics import Metrics
from app.upkeep import Leftovers


class Failing:
    """An erasure of which one part fails, as it does when what it reads is broken."""

    def __init__(self, broken: str) -> None:
        self.broken = broken
        self.asked: list[str] = []

    async def finish(self) -> None:
        self._ask("finish")

    async def expired(self, _age: timedelta) -> int:
        self._ask("expired")
        return 2

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if name == self.broken:
            raise RuntimeError


async def asked(broken: str) -> tuple[list[str], float]:
    metrics, erasure = Metrics(CollectorRegistry(), version="0"), Failing(broken)
    await Leftovers(cast("Any", erasure), metrics, timedelta(seconds=1)).erase()
    return erasure.asked, metrics.synthetic_leftovers._value.get()


async def test_whoever_asked_to_be_erased_comes_first_and_is_erased_whatever_else_fails() -> None:
    assert await asked("expired") == (["finish", "expired"], 0)


async def test_synthetic_patients_are_removed_whatever_else_fails() -> None:
    assert await asked("finish") == (["finish", "expired"], 2)
