"""Joins what several members say into one picture of the replica set. Pure.

A member that answers is believed about itself. About one that does not answer, the best view of the others is used:
the primary's where there is one, else that of the member whose own data is newest.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from exporters.mongodb import families as f
from exporters.mongodb.member import Document
from exporters.readings import Readings

PRIMARY = 1
_SERVING = {PRIMARY, 2, 7}
_HEARTBEAT_DEFAULT = 2000
_MISSED_HEARTBEATS = 2
_HEARTBEAT_SLACK = timedelta(seconds=1)


def write(targets: Mapping[str, Document | None], readings: Readings) -> None:
    """Write the set's families. ``targets``: each watched member's replSetGetStatus, ``None`` if silent."""
    views = {name: view for name, view in targets.items() if view is not None}
    readings.add(f.HAS_PRIMARY, int(any(sees_primary(view) for view in views.values())))
    best = best_view(list(views.values()))
    if best is None:
        readings.add(f.HEALTHY, 0)
        return
    states = {**_seen_states(best), **{name: int(view["myState"]) for name, view in views.items()}}
    silent = {name for name, view in targets.items() if view is None}
    readings.add(f.CONFIGURED, len(best["members"]))
    readings.add(f.HEALTHY, sum(state in _SERVING and name not in silent for name, state in states.items()))
    for name, state in states.items():
        readings.add(f.MEMBER_STATE, state, name)
    if best["myState"] == PRIMARY:
        for name, lag in lags(best).items():
            readings.add(f.LAG, lag, name)
        commit = commit_lag(best)
        if commit is not None:
            readings.add(f.COMMIT_LAG, commit)


def sees_primary(view: Document) -> bool:
    """Tell whether a member is the primary, or has heard from one so lately that it must be alive.

    The others call a silent primary DOWN only after the election timeout (10 s by default); two missed heartbeats
    are what tells us sooner.
    """
    if view["myState"] == PRIMARY:
        return True
    patience = timedelta(milliseconds=_MISSED_HEARTBEATS * int(view.get("heartbeatIntervalMillis", _HEARTBEAT_DEFAULT)))
    for member in view["members"]:
        heard = member.get("lastHeartbeat")
        if member["state"] == PRIMARY and member["health"] and isinstance(heard, datetime):
            return bool(view["date"] - heard <= patience + _HEARTBEAT_SLACK)
    return False


def best_view(views: list[Document]) -> Document | None:
    """Choose whose word to take: a primary of the latest term, else whoever applied the newest write."""
    return max(views, key=lambda view: (view["myState"] == PRIMARY, view.get("term", 0), _newest(view)), default=None)


def lags(view: Document) -> dict[str, float]:
    """Return each live secondary's lag in seconds, from the primary's view.

    Members that are down or have nothing yet are left out: their age since 1970 is no lag. Never negative: a
    secondary's figure may be fresher than the primary's own.
    """
    newest = _applied(next(member for member in view["members"] if member.get("self")))
    if newest is None:
        return {}
    return {
        str(member["name"]): max(0.0, (newest - applied).total_seconds())
        for member in view["members"]
        if not member.get("self") and member["health"] and (applied := _applied(member)) is not None
    }


def commit_lag(view: Document) -> float | None:
    """Return how far the majority is behind the primary, in seconds."""
    optimes = view.get("optimes", {})
    applied, committed = optimes.get("lastAppliedWallTime"), optimes.get("lastCommittedWallTime")
    if not isinstance(applied, datetime) or not isinstance(committed, datetime) or committed.year <= 1970:  # noqa: PLR2004  # the epoch
        return None
    return max(0.0, (applied - committed).total_seconds())


def _seen_states(view: Document) -> dict[str, int]:
    return {str(member["name"]): int(member["state"]) for member in view["members"]}


def _applied(member: Document) -> datetime | None:
    """When the member's last write was made: to the millisecond where mongod tells it (4.4 and later)."""
    instant = member.get("lastAppliedWallTime", member.get("optimeDate"))
    return instant if isinstance(instant, datetime) and instant.year > 1970 else None  # noqa: PLR2004  # the epoch means never


def _newest(view: Document) -> float:
    own = next((_applied(member) for member in view["members"] if member.get("self")), None)
    return own.timestamp() if own else 0.0
