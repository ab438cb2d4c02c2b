"""Joins what several members say into one picture of the replica set. Pure.

A member that answers is believed about itself. About one that does not answer, the best view of the others is used:
the primary's where there is one, else that of the member whose own data is newest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exporters.mongodb import families_replset as f
from exporters.mongodb.member import Document
from exporters.readings import Readings

PRIMARY = 1
ARBITER = 7
_SERVING = {PRIMARY, 2, ARBITER}
_HEARTBEAT_DEFAULT = 2000
_MISSED_HEARTBEATS = 2
_HEARTBEAT_SLACK = timedelta(seconds=1)
_NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a set's members; all are named as the page names them."""

    views: Mapping[str, Document]
    """replSetGetStatus of those that answer."""
    states: Mapping[str, int] = field(default_factory=dict)
    """What those that answer say about themselves."""
    silent: frozenset[str] = frozenset()
    """Those who are watched and do not answer."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """How the page calls those whom the set calls otherwise."""

    def name(self, of: object) -> str:
        """Return a member's name on the page."""
        return self.aliases.get(str(of), str(of))


def write(seen: Seen, readings: Readings) -> None:
    """Write the set's families."""
    readings.add(f.HAS_PRIMARY, int(any(sees_primary(view) for view in seen.views.values())))
    best = best_view(list(seen.views.values()))
    if best is None:
        readings.add(f.HEALTHY, 0)
        return
    states = {seen.name(row["name"]): int(row["state"]) for row in best["members"]}
    states.update(seen.states)
    readings.add(f.CONFIGURED, len(best["members"]))
    readings.add(f.HEALTHY, sum(state in _SERVING and name not in seen.silent for name, state in states.items()))
    for name, state in states.items():
        readings.add(f.MEMBER_STATE, state, name)
    _write_set(best, readings)
    for row in best["members"]:
        _write_row(seen.name(row["name"]), row, best, readings)
    _write_sources(seen, best, readings)
    if best["myState"] == PRIMARY:
        for name, lag in lags(best, seen).items():
            readings.add(f.LAG, lag, name)


def write_config(config: Document, seen: Seen, readings: Readings) -> None:
    """Write what the set's configuration says of each member."""
    for row in config["members"]:
        name = seen.name(row["host"])
        readings.add(f.PRIORITY, row.get("priority", 1), name)
        readings.add(f.VOTES, row.get("votes", 1), name)
        readings.add(f.HIDDEN, row.get("hidden", False), name)
        readings.add(f.ARBITER, row.get("arbiterOnly", False), name)
        readings.add(f.DELAY, row.get("secondaryDelaySecs", row.get("slaveDelay", 0)), name)


def write_own(name: str, view: Document, readings: Readings) -> None:
    """Write what only the member itself knows."""
    own = _self(view)
    if "configVersion" in own:
        readings.add(f.CONFIG_VERSION, own["configVersion"], name)
    progress = view.get("initialSyncStatus", {})
    for key, metric, per in (
        ("approxTotalBytesCopied", f.SYNC_COPIED, 1),
        ("approxTotalDataSize", f.SYNC_SIZE, 1),
        ("totalInitialSyncElapsedMillis", f.SYNC_ELAPSED, 1e3),
        ("remainingInitialSyncEstimatedMillis", f.SYNC_REMAINING, 1e3),
    ):
        if key in progress:
            readings.add(metric, progress[key] if per == 1 else progress[key] / per, name)


def sees_primary(view: Document) -> bool:
    """Tell whether a member is the primary, or has heard from one so lately that it must be alive.

    The others call a silent primary DOWN only after the election timeout (10 s by default); two missed heartbeats
    are what tells us sooner.
    """
    if view["myState"] == PRIMARY:
        return True
    patience = _MISSED_HEARTBEATS * _heartbeat_interval(view) + _HEARTBEAT_SLACK
    return any(
        row["state"] == PRIMARY and row["health"] and (age := _heartbeat_age(row, view)) is not None and age <= patience
        for row in view["members"]
    )


def best_view(views: list[Document]) -> Document | None:
    """Choose whose word to take: a primary of the latest term, else whoever applied the newest write."""
    members = [view for view in views if view["members"]]
    return max(members, key=lambda view: (view["myState"] == PRIMARY, view.get("term", 0), _newest(view)), default=None)


def lags(view: Document, seen: Seen) -> dict[str, float]:
    """Return how far each live member's data is behind, in seconds, from the primary's view; its own lag is 0.

    Both times are of the primary's clock: when it made the write that the member applied last. Members that are down
    or have nothing yet are left out: their age since 1970 is no lag. Never negative: a member's figure may be fresher
    than the primary's own.
    """
    newest = _applied(_self(view))
    if newest is None:
        return {}
    known = {}
    for row in view["members"]:
        name, applied = seen.name(row["name"]), _applied(row)
        if applied is None or not row["health"]:
            continue
        # What the member says itself can only be newer than what the primary has heard of it.
        own = _applied(_self(seen.views[name])) if name in seen.views else None
        behind = newest - max(applied, own or applied)
        if own is None and "lastAppliedWallTime" not in row:
            behind -= min(_heartbeat_age(row, view) or _NO_TIME, _heartbeat_interval(view))
        known[name] = max(0.0, behind.total_seconds())
    return known


def commit_lag(view: Document) -> float | None:
    """Return how far the majority is behind the primary, in seconds."""
    optimes = view.get("optimes", {})
    applied, committed = optimes.get("lastAppliedWallTime"), optimes.get("lastCommittedWallTime")
    if not isinstance(applied, datetime) or not isinstance(committed, datetime) or committed.year <= 1970:  # noqa: PLR2004  # the epoch
        return None
    return max(0.0, (applied - committed).total_seconds())


def _write_set(best: Document, readings: Readings) -> None:
    readings.add(f.SET_INFO, 1, str(best.get("set", "")))
    for key, metric in (("term", f.TERM), ("votingMembersCount", f.VOTING), ("majorityVoteCount", f.MAJORITY)):
        if key in best:
            readings.add(metric, best[key])
    elected = next((row.get("electionDate") for row in best["members"] if row["state"] == PRIMARY), None)
    if isinstance(elected, datetime):
        readings.add(f.ELECTED, (elected - datetime(1970, 1, 1, tzinfo=elected.tzinfo)).total_seconds())
    commit = commit_lag(best) if best["myState"] == PRIMARY else None
    if commit is not None:
        readings.add(f.COMMIT_LAG, commit)


def _write_row(name: str, row: Document, best: Document, readings: Readings) -> None:
    readings.add(f.MEMBER_HEALTH, int(row["health"]), name)
    readings.add(f.PING, row.get("pingMs", 0) / 1e3, name)
    age = _NO_TIME if row.get("self") else _heartbeat_age(row, best)
    if age is not None:
        readings.add(f.HEARTBEAT_AGE, max(0.0, age.total_seconds()), name)


def _write_sources(seen: Seen, best: Document, readings: Readings) -> None:
    """Write one series for each pair of those who hold data, so that a change of source renames nothing."""
    told = {seen.name(row["name"]): row.get("syncSourceHost", "") for row in best["members"]}
    told |= {name: view["syncSourceHost"] for name, view in seen.views.items() if "syncSourceHost" in view}
    bearers = [seen.name(row["name"]) for row in best["members"] if row["state"] != ARBITER]
    for name in bearers:
        source = seen.name(told.get(name, ""))
        for other in bearers:
            if other != name:
                readings.add(f.SYNCS_FROM, int(source == other), name, other)


def _self(view: Document) -> Document:
    """Return the row of the member whose view this is."""
    return next((row for row in view["members"] if row.get("self")), {})


def _applied(row: Document) -> datetime | None:
    """When the member's last write was made: to the millisecond where mongod tells it (4.4 and later)."""
    instant = row.get("lastAppliedWallTime", row.get("optimeDate"))
    return instant if isinstance(instant, datetime) and instant.year > 1970 else None  # noqa: PLR2004  # the epoch means never


def _newest(view: Document) -> float:
    own = _applied(_self(view))
    return own.timestamp() if own else 0.0


def _heartbeat_age(row: Document, view: Document) -> timedelta | None:
    heard = row.get("lastHeartbeat")
    return view["date"] - heard if isinstance(heard, datetime) and heard.year > 1970 else None  # noqa: PLR2004  # the epoch means never


def _heartbeat_interval(view: Document) -> timedelta:
    return timedelta(milliseconds=int(view.get("heartbeatIntervalMillis", _HEARTBEAT_DEFAULT)))
