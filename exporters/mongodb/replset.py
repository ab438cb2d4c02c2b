"""Joins what several members say into one picture of the replica set. Pure.

A member that answers is believed about itself. About one that does not answer, the best view of the others is used:
the primary's where there is one, else that of the member whose own data is newest.
"""

from __future__ import annotations

from datetime import datetime

from exporters.mongodb import families_replset as f
from exporters.mongodb.faults import Document
from exporters.mongodb.views import (
    ARBITER,
    PRIMARY,
    Seen,
    best_view,
    commit_lag,
    heartbeat_age,
    lags,
    own_row,
    sees_primary,
)
from exporters.readings import Readings

_SERVING = {PRIMARY, 2, ARBITER}
_BEHIND = 30.0
"""Seconds of lag, on top of a delay that is wanted, from which on a member has to catch up undisturbed."""


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
        readings.add(f.DELAY, _delay(row), name)


def behind(config: Document | None, seen: Seen, readings: Readings) -> frozenset[str]:
    """Return who is further behind than it should be, of those whose lag is in ``readings``.

    Without the configuration nobody is: a member may be meant to be hours behind.
    """
    if config is None:
        return frozenset()
    wanted = {seen.name(row["host"]): _delay(row) for row in config["members"]}
    lags = zip(*readings.series[f.LAG.name], strict=True)
    return frozenset(key[0] for key, lag in lags if lag - wanted.get(key[0], 0) > _BEHIND)


def _delay(row: Document) -> float:
    return float(row.get("secondaryDelaySecs", row.get("slaveDelay", 0)))


def write_own(name: str, view: Document, readings: Readings) -> None:
    """Write what only the member itself knows."""
    own = own_row(view)
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
    age = heartbeat_age(row, best)
    if row.get("self") or age is not None:
        readings.add(f.HEARTBEAT_AGE, max(0.0, age.total_seconds()) if age is not None else 0.0, name)


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
