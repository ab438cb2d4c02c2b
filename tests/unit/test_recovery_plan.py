"""Which way a restore takes, or why there is none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor import clock
from monitor.backup.model import ClusterTime
from monitor.backup.oplog.point import Target
from monitor.backup.recovery.bases import Base
from monitor.backup.recovery.plan import of_one_set


def base(seconds: int, replica_set: str) -> Base:
    point = ClusterTime(time=seconds, increment=5)
    return Base(
        id=f"{replica_set} {seconds}",
        replica_set=replica_set,
        recovery_point=point,
        finished_at=point.at + timedelta(seconds=1),
        bytes=1,
    )


OLD, NEWER, SUCCESSOR = base(100, "rs0"), base(200, "rs0"), base(300, "rs1")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target(), [SUCCESSOR]),
        (Target(point=ClusterTime(time=250, increment=0)), [OLD, NEWER]),
        (Target(point=SUCCESSOR.recovery_point), [SUCCESSOR]),
        (Target(instant=clock.from_epoch(299)), [OLD, NEWER]),
        (Target(instant=clock.from_epoch(301)), [SUCCESSOR]),
        (Target(instant=clock.from_epoch(50)), [SUCCESSOR]),
    ],
)
def test_a_time_before_a_set_was_replaced_is_the_former_sets(target: Target, expected: list[Base]) -> None:
    assert of_one_set([OLD, NEWER, SUCCESSOR], target) == tuple(expected)
    assert of_one_set([], target) == ()
