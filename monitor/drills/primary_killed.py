"""The MongoDB primary dies (kill -9) and stays away for a minute.

Promised: another member takes over in seconds, every booking that a patient was told of is still there, none is there
twice, and nobody is woken. A planned step-down takes 0.1 s and proves little; a killed process is the honest test.

1. Ask the set who its primary is, and which component that is. Begin to watch the survivors.
2. Hold the component for a minute and kill it, in one step. When that is done, the clock runs.
3. Failover: the first survivor that says ``hello, I am primary``, asked every 50 ms.
4. Detection: when web received the alert that the catalogue expects (``expect_alert``), and not just any.
5. When the hold ends, the stack starts the member again; wait until every component is healthy.
6. Every acknowledged booking since before the fault must be found with read concern majority, and no two that keep
   their time may overlap.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from monitor import clock
from monitor.catalogue.model import Severity
from monitor.drills import ledger
from monitor.drills.drill import Field, Findings
from monitor.errors import Unavailable
from monitor.settings import read_secret
from monitor.sources import mongodb
from monitor.sources.mongodb import Client
from monitor.store_alerts import AlertRecord, Alerts

HOLD_S = 60.0
ELECTION_LIMIT_S = 30.0
"""Without a new primary after this long, the drill is broken off: MongoDB's own default election takes 10 to 12 s."""

RECOVERY_LIMIT_S = 120.0
POLL_S = 0.05
BEFORE = timedelta(minutes=5)
"""How far back acknowledged bookings are checked: far longer than any member may lag behind."""

SETTLE_S = 3.0
"""After recovery, so that the last bookings of the checked span are answered and written down."""

BATCH = 1000
DATABASE, COLLECTION = "appointments", "appointments"
KEEPS_ITS_TIME = ("pending", "booked", "arrived", "checked-in", "fulfilled")
"""The FHIR statuses of which no two may overlap for one practitioner."""


@dataclass(slots=True)
class _Watch:
    """Who says ``I am primary``, and when that was first heard, on the monotonic clock."""

    primary: str = ""
    heard_at: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)


class PrimaryKilled:
    """See the module."""

    name = "primary-killed"

    def touches(self, field: Field) -> tuple[str, ...]:
        """Name the component that is the primary now."""
        return (_component_at(field, _primary(field)),)

    def play(self, field: Field) -> Findings:
        """Kill the primary, measure, wait until all is well, verify."""
        primary = _primary(field)
        component = _component_at(field, primary)
        survivors = [member for member in _members(field) if member != primary]
        with _watching(field, survivors) as watch:
            field.stack.kill(component, hold_s=HOLD_S)
            # Only now: a booking that was sent before the kill and acknowledged does not show that writes are back.
            killed_at, begun = clock.now(), time.monotonic()
            field.note("action", f"killed {component} ({primary}), the primary, with -9; it is held for {HOLD_S:g} s")
            failover_s = _wait_for_primary(field, watch, begun)
        _wait_out_the_hold(field, component, begun)
        healthy_at = _wait_for_recovery(field, begun)
        field.wait(lambda: None, within_s=SETTLE_S)
        heard = _alerts_since(field, killed_at)
        measured = _bookings(field, killed_at, healthy_at) | {
            "failover_seconds": failover_s,
            "detection_seconds": _detection(field, heard, killed_at),
            "recovered_seconds": round((healthy_at - killed_at).total_seconds(), 3),
            "critical_alerts": sum(alert.labels.get("severity") == Severity.CRITICAL for alert in heard),
        }
        return Findings(measurements=measured, alerts=tuple(alert.labels["alertname"] for alert in heard))


@contextmanager
def _client(field: Field) -> Iterator[Client]:
    password = read_secret(field.settings.backup_password_file, "backup_password")
    with mongodb.connect(field.settings.mongodb_uri, field.settings.backup_username, password) as client:
        yield client


def _members(field: Field) -> tuple[str, ...]:
    with _client(field) as client:
        return tuple(member.name for member in mongodb.find_members(client))


def _primary(field: Field) -> str:
    with _client(field) as client:
        primary = mongodb.primary_name(mongodb.find_members(client))
    if primary is None:
        raise Unavailable("drill primary-killed: the replica set has no primary now, so there is nothing to kill")
    return primary


def _component_at(field: Field, address: str) -> str:
    for component in field.stack.status():
        if component.address == address:
            return component.name
    raise Unavailable(f"drill primary-killed: the primary {address} is no component of this stack")


@contextmanager
def _watching(field: Field, survivors: list[str]) -> Iterator[_Watch]:
    """Ask each survivor in a thread of its own; their connections are open before anything is harmed."""
    watch = _Watch()
    password = read_secret(field.settings.backup_password_file, "backup_password")
    with ExitStack() as opened:
        threads = []
        for member in survivors:
            client = mongodb.connect_member(
                field.settings.mongodb_uri, member, field.settings.backup_username, password
            )
            opened.enter_context(client)
            client.admin.command("hello")
            threads.append(threading.Thread(target=_listen, args=(client, member, watch), daemon=True))
        for thread in threads:
            thread.start()
        try:
            yield watch
        finally:
            watch.over.set()
            for thread in threads:
                thread.join(timeout=5)


def _listen(client: Client, member: str, watch: _Watch) -> None:
    while not watch.over.wait(POLL_S):
        try:
            is_primary = client.admin.command("hello").get("isWritablePrimary", False)
        except PyMongoError:
            continue
        if is_primary and not watch.primary:
            watch.primary, watch.heard_at = member, time.monotonic()
            return


def _wait_for_primary(field: Field, watch: _Watch, begun: float) -> float | None:
    found = field.wait(lambda: watch.primary or None, within_s=ELECTION_LIMIT_S, every_s=POLL_S)
    if found is None:
        field.note("observation", f"no new primary within {ELECTION_LIMIT_S:g} s: broken off", ok=False)
        raise Unavailable(f"drill primary-killed: no member became primary within {ELECTION_LIMIT_S:g} s")
    seconds = round(watch.heard_at - begun, 3)
    field.note("observation", f"{found} is primary {seconds:.2f} s after the kill")
    return seconds


def _wait_out_the_hold(field: Field, component: str, begun: float) -> None:
    field.wait(
        lambda: True if field.stack.component(component).state != "held" else None,
        within_s=max(0.0, HOLD_S + 5 - (time.monotonic() - begun)),
    )
    field.note("observation", f"the hold of {component} is over: the stack repairs it")


def _wait_for_recovery(field: Field, begun: float) -> datetime:
    healthy = field.wait(
        lambda: True if all(c.state == "healthy" for c in field.stack.status()) else None, within_s=RECOVERY_LIMIT_S
    )
    if healthy is None:
        field.note("observation", f"not every component was healthy again within {RECOVERY_LIMIT_S:g} s", ok=False)
        return clock.now()
    return field.note("observation", f"every component is healthy {time.monotonic() - begun:.0f} s after the kill")


def _alerts_since(field: Field, killed_at: datetime) -> tuple[AlertRecord, ...]:
    """Return the alerts for people that began after the kill, in the order they were received."""
    heard = [
        alert
        for alert in Alerts(field.store).newest(since=killed_at)
        if alert.labels.get("severity") in {Severity.CRITICAL, Severity.WARNING} and alert.starts_at >= killed_at
    ]
    return tuple(sorted(heard, key=lambda alert: alert.received_at))


def _detection(field: Field, heard: tuple[AlertRecord, ...], killed_at: datetime) -> float | None:
    for alert in heard:
        after = (alert.received_at - killed_at).total_seconds()
        field.note(
            "observation", f"{alert.labels['alertname']} ({alert.labels['severity']}) received after {after:.1f} s"
        )
    first = detected_by(heard, field.plan.expect_alert)
    if first is None:
        field.note("observation", f"{field.plan.expect_alert or 'an alert'} was not received", ok=False)
        return None
    return round((first.received_at - killed_at).total_seconds(), 3)


def detected_by(heard: Sequence[AlertRecord], expected: str) -> AlertRecord | None:
    """Return the first alert of the expected name; of any name where none is expected."""
    return next((alert for alert in heard if expected in {"", alert.labels["alertname"]}), None)


def _bookings(field: Field, killed_at: datetime, healthy_at: datetime) -> dict[str, float | int | None]:
    """Hold what patients were told against what the database holds."""
    answers = ledger.read(field.settings.ledger, killed_at - BEFORE)
    told = ledger.bookings(answers)
    ids = sorted({answer.appointment for answer in told if answer.appointment is not None})
    during = [answer for answer in answers if killed_at <= answer.at <= healthy_at]
    first, gap = ledger.first_after(told, killed_at), ledger.longest_gap(told, killed_at, healthy_at)
    measured: dict[str, float | int | None] = {
        "acknowledged": len(ids),
        "requests_failed": sum(answer.outcome == "fail" for answer in during),
        "requests_unanswered": sum(answer.outcome == "unknown" for answer in during),
        "writes_back_seconds": None if first is None else round((first.at - killed_at).total_seconds(), 3),
        "longest_gap_seconds": None if gap is None else round(gap.total_seconds(), 3),
        "acknowledged_lost": None,
        "doubled": None,
    }
    if ids:
        with _client(field) as client, mongodb.one_sentence("drill primary-killed", "the replica set"):
            lost, overlapping = _lost(client, ids), _overlapping(client)
        doubled = len(ledger.doubled(answers)) + overlapping
        measured |= {"acknowledged_lost": lost, "doubled": doubled}
        text = f"of {len(ids)} acknowledged bookings {lost} are lost, {doubled} doubled"
        field.note("observation", text, ok=not lost and not doubled)
    return measured


def _lost(client: Client, ids: list[str]) -> int:
    bookings = client[DATABASE].get_collection(COLLECTION, read_concern=ReadConcern("majority"))
    found = 0
    for start in range(0, len(ids), BATCH):
        found += bookings.count_documents({"_id": {"$in": ids[start : start + BATCH]}})
    return len(ids) - found


def _overlapping(client: Client) -> int:
    """Count the cells of time that a practitioner has promised twice."""
    bookings = client[DATABASE].get_collection(COLLECTION, read_concern=ReadConcern("majority"))
    rows = bookings.aggregate(
        [
            {"$match": {"status": {"$in": list(KEEPS_ITS_TIME)}}},
            {"$unwind": "$cells"},
            {"$group": {"_id": "$cells", "claims": {"$sum": 1}}},
            {"$match": {"claims": {"$gt": 1}}},
            {"$count": "cells"},
        ],
        allowDiskUse=True,
    )
    return next((int(row["cells"]) for row in rows), 0)
