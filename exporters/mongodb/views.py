"""What can be concluded from members' views of their replica set (``replSetGetStatus``). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exporters.mongodb.faults import Document

PRIMARY = 1
ARBITER = 7
_HEARTBEAT_DEFAULT = 2000
_MISSED_HEARTBEATS = 2
_HEARTBEAT_SLACK = timedelta(seconds=1)
_NO_TIME = timedelta(0)
Types = Mapping[str, type | tuple[type, ...]]


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


def checked(view: Document) -> Document:
    """Return a view of which everything that is read here has the type it should have.

    Raises:
        TypeError: it has not.
        LookupError: something is missing.
    """
    _must_be(view, {"myState": int, "members": (list, tuple), "date": datetime})
    _may_be(view, {"term": int, "heartbeatIntervalMillis": int, "optimes": dict, "initialSyncStatus": dict})
    for row in view["members"]:
        _must_be(row, {"name": str, "state": int, "health": (int, float)})
        _may_be(row, {"pingMs": (int, float), "configVersion": int})
    return view


def _must_be(document: Document, types: Types) -> None:
    for key, wanted in types.items():
        if not isinstance(document[key], wanted):
            raise TypeError(key)


def _may_be(document: Document, types: Types) -> None:
    for key, wanted in types.items():
        if key in document and not isinstance(document[key], wanted):
            raise TypeError(key)


def sees_primary(view: Document) -> bool:
    """Tell whether a member is the primary, or has heard from one so lately that it must be alive.

    The others call a silent primary DOWN only after the election timeout (10 s by default); two missed heartbeats
    are what tells us sooner.
    """
    if view["myState"] == PRIMARY:
        return True
    patience = _MISSED_HEARTBEATS * _heartbeat_interval(view) + _HEARTBEAT_SLACK
    return any(
        row["state"] == PRIMARY and row["health"] and (age := heartbeat_age(row, view)) is not None and age <= patience
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
    newest = _applied(own_row(view))
    if newest is None:
        return {}
    known = {}
    for row in view["members"]:
        name, applied = seen.name(row["name"]), _applied(row)
        if applied is None or not row["health"]:
            continue
        # What the member says itself can only be newer than what the primary has heard of it.
        own = _applied(own_row(seen.views[name])) if name in seen.views else None
        behind = newest - max(applied, own or applied)
        if own is None and "lastAppliedWallTime" not in row:
            behind -= min(heartbeat_age(row, view) or _NO_TIME, _heartbeat_interval(view))
        known[name] = max(0.0, behind.total_seconds())
    return known


def commit_lag(view: Document) -> float | None:
    """Return how far the majority is behind the primary, in seconds."""
    optimes = view.get("optimes", {})
    applied, committed = optimes.get("lastAppliedWallTime"), optimes.get("lastCommittedWallTime")
    if not isinstance(applied, datetime) or not isinstance(committed, datetime) or committed.year <= 1970:  # noqa: PLR2004  # the epoch
        return None
    return max(0.0, (applied - committed).total_seconds())


def own_row(view: Document) -> Document:
    """Return the row of the member whose view this is."""
    return next((row for row in view["members"] if row.get("self")), {})


def _applied(row: Document) -> datetime | None:
    """When the member's last write was made: to the millisecond where mongod tells it (4.4 and later)."""
    instant = row.get("lastAppliedWallTime", row.get("optimeDate"))
    return instant if isinstance(instant, datetime) and instant.year > 1970 else None  # noqa: PLR2004  # the epoch means never


def _newest(view: Document) -> float:
    own = _applied(own_row(view))
    return own.timestamp() if own else 0.0


def heartbeat_age(row: Document, view: Document) -> timedelta | None:
    """Return the time since the last heartbeat; ``None`` where there was none."""
    heard = row.get("lastHeartbeat")
    return view["date"] - heard if isinstance(heard, datetime) and heard.year > 1970 else None  # noqa: PLR2004  # the epoch means never


def _heartbeat_interval(view: Document) -> timedelta:
    return timedelta(milliseconds=int(view.get("heartbeatIntervalMillis", _HEARTBEAT_DEFAULT)))
