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
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import pytest

from monitor import clock
from monitor.catalogue.load import BUNDLED
from monitor.routing.config import read
from monitor.routing.walk import deliveries
from monitor.stack.derived import Promises
from monitor.stack.replica_set import MEMBERS
from tests.conftest import EmbeddedStack, running_stack
from tests.end_to_end.outages import alerts, eventually, get_json
from tests.proof import real_faults
from tests.proof.replica_set import primary_of

HOLD_S = 600
ONLY = frozenset(filter(None, os.environ.get("ALERT_TIMES_ONLY", "").split(",")))
"""Some of the faults, by name, where a run was broken off; then there is no median."""
BUSY_MACHINE = "CPUSaturation|MemoryPressure|PageLoadSlow"
"""What others on this machine may cause; tickets, and the last one looks back for a quarter of an hour."""
SPENT_BUDGET = "ErrorBudget.+"
CALM_WITHIN_S = 900
"""A page about the budget stays until its 5-minute window has passed the outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens, and the alert that has to come; ``suffering`` gives when it began, and undoes it."""

    name: str
    expect: frozenset[str]
    suffering: Callable[[Any], AbstractContextManager[datetime]]
    pages: bool = False
    builds_up_s: float | None = None
    """Nothing is down yet: the alert waits on purpose for its ``for``, and before that for so long. ``None``: something
    is wholly down, and every second counts."""
    cannot: Callable[[], str] = lambda: ""
    """Why it cannot be had here."""


def majority(stack: Any) -> tuple[str, ...]:
    """Two members, the primary among them."""
    primary = primary_of(stack)
    return (primary, next(name for name in MEMBERS if name != primary))


def victims(how: str, chosen: Callable[[Any], tuple[str, ...]]) -> Callable[[Any], AbstractContextManager[datetime]]:
    """Kill or freeze (``how``) components for as long as the block runs."""

    @contextmanager
    def suffering(stack: Any) -> Iterator[datetime]:
        names = chosen(stack)
        for name in names:
            stack.client.hold(name, HOLD_S)
        started = clock.now()
        for name in names:
            getattr(stack.client, how)(name)
        try:
            yield started
        finally:
            for name in names:
                if how == "pause":
                    stack.client.resume(name)
                stack.client.release(name)

    return suffering


NO_BACKEND, APPS = frozenset({"EdgeHasNoBackend"}), ("app-1", "app-2")

# A page about the budget stays for minutes: what pages nobody is tried meanwhile.
FAULTS = (
    Fault(name="edge without back end", expect=NO_BACKEND, suffering=victims("kill", lambda _: APPS), pages=True),
    Fault(name="Redis frozen", expect=frozenset({"RedisDown"}), suffering=victims("pause", lambda _: ("redis",))),
    Fault(
        name="exporter dead", expect=frozenset({"TargetMissing"}), suffering=victims("kill", lambda _: ("exporters",))
    ),
    Fault(name="app frozen", expect=NO_BACKEND, suffering=victims("pause", lambda _: APPS), pages=True),
    Fault(
        name="primary lost for good",
        expect=frozenset({"MongoRedundancyLost"}),
        suffering=victims("kill", lambda stack: (primary_of(stack),)),
    ),
    Fault(
        name="edge dead",
        expect=frozenset({"EdgeProbeFailed"}),
        suffering=victims("kill", lambda _: ("edge",)),
        pages=True,
    ),
    # Its alert stays for the ten minutes that it looks back: as long as the next one waits anyway.
    Fault(
        name="certificate ends in 5 days",
        expect=frozenset({"CertificateExpiresIn7Days"}),
        suffering=real_faults.certificate_ending,
        builds_up_s=0,
    ),
    Fault(name="majority lost", expect=frozenset({"MongoNoPrimary"}), suffering=victims("kill", majority), pages=True),
    Fault(
        name="disk filling",
        expect=frozenset({"DiskAlmostFull"}),
        suffering=real_faults.disk_filling,
        pages=True,
        builds_up_s=0,
        cannot=real_faults.cannot_mount,
    ),
    # Last: it waits until no backup passed for a while, and its alert stays until one does.
    Fault(
        name="backup failing",
        expect=frozenset({"BackupFailed"}),
        suffering=real_faults.backup_refused,
        # The alert counts three attempts, which are a minute apart.
        builds_up_s=120,
    ),
)


def active(stack: Any, selector: str) -> list[dict[str, str]]:
    """Labels of the alerts that Prometheus holds for pending or firing."""
    query = urlencode({"query": f"ALERTS{{{selector}}}"})
    answer = get_json(f"{stack.layout.url('prometheus')}/api/v1/query?{query}")
    return [row["metric"] for row in answer["data"]["result"]]


def unrest(stack: Any, before: Fault) -> list[str]:
    """The alerts of people's severities that are left, but for those that the next fault has nothing to do with.

    Tickets about the budget look back for days. Its pages drain in minutes, and what pages waits for that.
    """
    others = f'alertname!~"{BUSY_MACHINE}|{SPENT_BUDGET}"'
    left = active(stack, f'severity=~"critical|warning",{others}')
    return [one["alertname"] for one in left or (active(stack, 'severity="critical"') if before.pages else [])]


def await_calm(stack: Any, before: Fault) -> None:
    try:
        eventually(
            lambda: not unrest(stack, before), within_s=CALM_WITHIN_S, every_s=2, what=f"calm before: {before.name}"
        )
    except AssertionError as error:
        error.add_note(f"still told of: {', '.join(unrest(stack, before))}")
        raise


def slow_catalogue(directory: Path, seconds: int) -> Promises:
    """The bundled catalogue at the intervals of those who scrape so rarely."""
    shutil.copytree(BUNDLED, directory, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    file = directory / "environments" / "local.yaml"
    text = file.read_text(encoding="utf-8")
    for key in ("scrape_interval", "evaluation_interval"):
        text = text.replace(f"{key}: 5s", f"{key}: {seconds}s")
    text = text.replace("rollup_interval: 15s", f"rollup_interval: {max(60, seconds)}s")
    # Short, for faults follow one another here: one within a quarter of an hour of the last is told with the next news.
    text = text.replace("group_wait: 1s", "group_wait: 5s").replace("group_interval: 5s", "group_interval: 30s")
    file.write_text(text, encoding="utf-8")
    return Promises(catalogue=directory)


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedStack]:
    promises = Promises() if request.param == 5 else slow_catalogue(tmp_path / "catalogue", request.param)
    yield from running_stack(tmp_path / "run", promises=promises)


@pytest.mark.stack
@pytest.mark.proof
@pytest.mark.timeout(10_800)
@pytest.mark.parametrize(("stack", "at_most_s"), [(5, 45), (30, 150)], indirect=["stack"], ids=["5s", "30s"])
def test_a_fault_reaches_its_receiver_in_time(stack: Any, at_most_s: float, subtests: pytest.Subtests) -> None:
    took: dict[str, float] = {}
    for fault in (one for one in FAULTS if not ONLY or one.name in ONLY):
        with subtests.test(fault.name):
            if reason := fault.cannot():
                pytest.skip(reason)
            await_calm(stack, fault)
            seconds = received_after(stack, fault)
            told(stack, fault, seconds)
            if fault.builds_up_s is None:
                took[fault.name] = seconds
            else:
                waited = fault.builds_up_s + max(hold_of(stack, alert) for alert in fault.expect)
                assert seconds <= waited + at_most_s, f"{fault.name}: {seconds:.1f} s, of which {waited:.0f} on purpose"
    assert ONLY or median(took.values()) <= at_most_s, took


def hold_of(stack: Any, alert: str) -> float:
    """Seconds that an alert pends, as the stack's Prometheus has it."""
    groups = get_json(f"{stack.layout.url('prometheus')}/api/v1/rules?type=alert")["data"]["groups"]
    return next(float(rule["duration"]) for group in groups for rule in group["rules"] if rule["name"] == alert)


def received_after(stack: Any, fault: Fault) -> float:
    """Seconds from the fault to the first alert about it that web received; a page about it comes alone."""
    open_before = {page_of(stack, one) for one in active(stack, 'severity="critical",alertstate="firing"')}
    with fault.suffering(stack) as started:
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
        criticals = alerts(stack.layout.url("web"), severity="critical", since=started)
    pages = {page_of(stack, one["labels"]) for one in criticals} - open_before
    assert len(pages) == (1 if fault.pages else 0), f"{fault.name} paged by {pages}"
    first = min(datetime.fromisoformat(one["received_at"]) for one in found)
    return (first - started).total_seconds()


def page_of(stack: Any, labels: dict[str, str]) -> tuple[str, ...]:
    """What a pager knows an alert's page by: Alertmanager's group, of one environment."""
    file = stack.layout.generated / "rules" / "alertmanager.yml"
    routes = read(file.read_text(encoding="utf-8"), file.name)
    (sent,) = deliveries(routes, labels, clock.now())
    return tuple(f"{label}={labels.get(label, '')}" for label in sent.route.group_by if label != "environment")


def told(stack: Any, fault: Fault, seconds: float) -> None:
    """Leave the figure where it can be read, also when a later fault fails."""
    line = json.dumps({"fault": fault.name, "seconds": round(seconds, 1), "offset": stack.layout.port_offset})
    sys.stdout.write(f"{line}\n")
    if file := os.environ.get("ALERT_TIMES_FILE"):
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(f"{line}\n")
