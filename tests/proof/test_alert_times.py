"""How long a real fault takes to reach the receiver, at the intervals of the embedded stack and at those of others.

One stack per interval. Each fault is made, its alert awaited at ``web``, and undone; the next begins when Prometheus
holds no alert for pending or firing any more. Figures are printed, and appended to ALERT_TIMES_FILE where that is set.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import pytest

from monitor import clock
from monitor.catalogue.load import BUNDLED
from monitor.stack.derived import Promises
from tests.conftest import EmbeddedStack, running_stack
from tests.end_to_end.outages import alerts, eventually, get_json

HOLD_S = 600
MEMBERS = ("mongo-1", "mongo-2", "mongo-3")
CALM_WITHIN_S = 900
"""A page about the budget stays until its 5-minute window has passed the outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is done to which components, and the alert that has to come. ``hard``: something is wholly down."""

    name: str
    expect: frozenset[str]
    how: str
    victims: Callable[[Any], tuple[str, ...]]
    pages: bool = False


def primary_of(stack: Any) -> str:
    """The member that is primary now."""
    query = urlencode({"query": "mongodb_replset_member_state == 1"})
    rows = get_json(f"{stack.layout.url('prometheus')}/api/v1/query?{query}")["data"]["result"]
    addresses = {stack.layout.address(name): name for name in MEMBERS}
    return next(addresses[row["metric"]["member"]] for row in rows if row["metric"].get("member") in addresses)


def majority(stack: Any) -> tuple[str, ...]:
    """Two members, the primary among them."""
    primary = primary_of(stack)
    return (primary, next(name for name in MEMBERS if name != primary))


FAULTS = (
    Fault(
        name="edge without back end",
        expect=frozenset({"EdgeHasNoBackend"}),
        how="kill",
        victims=lambda _: ("app-1", "app-2"),
        pages=True,
    ),
    Fault(
        name="app frozen",
        expect=frozenset({"EdgeHasNoBackend"}),
        how="pause",
        victims=lambda _: ("app-1", "app-2"),
        pages=True,
    ),
    Fault(name="edge dead", expect=frozenset({"EdgeProbeFailed"}), how="kill", victims=lambda _: ("edge",), pages=True),
    Fault(name="Redis frozen", expect=frozenset({"RedisDown"}), how="pause", victims=lambda _: ("redis",)),
    Fault(
        name="primary lost for good",
        expect=frozenset({"MongoRedundancyLost"}),
        how="kill",
        victims=lambda stack: (primary_of(stack),),
    ),
    Fault(name="majority lost", expect=frozenset({"MongoNoPrimary"}), how="kill", victims=majority, pages=True),
    Fault(name="exporter dead", expect=frozenset({"TargetMissing"}), how="kill", victims=lambda _: ("exporters",)),
)


@contextmanager
def suffering(stack: Any, fault: Fault) -> Iterator[datetime]:
    """Let the fault last while the block runs."""
    victims = fault.victims(stack)
    for victim in victims:
        stack.client.hold(victim, HOLD_S)
    started = clock.now()
    for victim in victims:
        getattr(stack.client, fault.how)(victim)
    try:
        yield started
    finally:
        for victim in victims:
            if fault.how == "pause":
                stack.client.resume(victim)
            stack.client.release(victim)


def active(stack: Any) -> set[str]:
    """Alerts of people's severities that pend or fire in Prometheus."""
    query = urlencode({"query": 'ALERTS{severity=~"critical|warning"}'})
    answer = get_json(f"{stack.layout.url('prometheus')}/api/v1/query?{query}")
    return {row["metric"]["alertname"] for row in answer["data"]["result"]}


def slow_catalogue(directory: Path, seconds: int) -> Promises:
    """The bundled catalogue at the intervals of those who scrape so rarely."""
    shutil.copytree(BUNDLED, directory, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    file = directory / "environments" / "local.yaml"
    text = file.read_text(encoding="utf-8")
    for key in ("scrape_interval", "evaluation_interval"):
        text = text.replace(f"{key}: 5s", f"{key}: {seconds}s")
    text = text.replace("rollup_interval: 15s", f"rollup_interval: {max(60, seconds)}s")
    text = text.replace("group_wait: 1s", "group_wait: 5s").replace("group_interval: 5s", "group_interval: 30s")
    file.write_text(text, encoding="utf-8")
    return Promises(catalogue=directory)


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedStack]:
    promises = Promises() if request.param == 5 else slow_catalogue(tmp_path / "catalogue", request.param)
    yield from running_stack(tmp_path / "run", promises=promises)


@pytest.mark.stack
@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("stack", "at_most_s"), [(5, 45), (30, 150)], indirect=["stack"], ids=["5s", "30s"])
def test_a_fault_reaches_its_receiver_in_time(stack: Any, at_most_s: float) -> None:
    took: dict[str, float] = {}
    for fault in FAULTS:
        eventually(lambda: not active(stack), within_s=CALM_WITHIN_S, every_s=2, what=f"calm before: {fault.name}")
        took[fault.name] = received_after(stack, fault)
        told(stack, fault, took[fault.name])
    assert median(took.values()) <= at_most_s, took


def received_after(stack: Any, fault: Fault) -> float:
    """Seconds from the fault to the first alert about it that web received; a page about it comes alone."""
    with suffering(stack, fault) as started:
        found = eventually(
            lambda: [
                one
                for one in alerts(stack.layout.url("web"), since=started)
                if one["labels"]["alertname"] in fault.expect
            ],
            within_s=400,
            what=f"{fault.name}: {', '.join(fault.expect)}",
        )
        # What comes within the next group intervals would be a second page about the same thing.
        until = clock.now() + timedelta(seconds=45)
        eventually(lambda: clock.now() > until, within_s=60, what="a while later")
        pages = {
            one["labels"]["alertname"] for one in alerts(stack.layout.url("web"), severity="critical", since=started)
        }
    assert len(pages) == (1 if fault.pages else 0), f"{fault.name} paged by {pages}"
    first = min(datetime.fromisoformat(one["received_at"]) for one in found)
    return (first - started).total_seconds()


def told(stack: Any, fault: Fault, seconds: float) -> None:
    """Leave the figure where it can be read, also when a later fault fails."""
    line = json.dumps({"fault": fault.name, "seconds": round(seconds, 1), "offset": stack.layout.port_offset})
    sys.stdout.write(f"{line}\n")
    if file := os.environ.get("ALERT_TIMES_FILE"):
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(f"{line}\n")
