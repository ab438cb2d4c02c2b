"""The least that backup, capture, verification and restore need of MongoDB, as data. Pure.

MongoDB's own roles give more: ``backup`` may write into ``mms`` and change settings, ``clusterMonitor`` sees every
query that runs, and so the values in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Privilege = dict[str, Any]

_READ = ["find", "listCollections", "listIndexes", "dbStats", "collStats"]
_WRITE = [
    *("insert", "update", "remove", "bypassDocumentValidation"),
    *("createCollection", "createIndex", "collMod", "dropCollection"),
]
_ANY = {"db": "", "collection": ""}
_BUCKETS = {"db": "", "system_buckets": ""}


def _on(database: str, collection: str, *actions: str) -> Privilege:
    return {"resource": {"db": database, "collection": collection}, "actions": list(actions)}


def _cluster(*actions: str) -> Privilege:
    return {"resource": {"cluster": True}, "actions": list(actions)}


_READ_EVERYTHING = (
    {"resource": _ANY, "actions": _READ},
    # Where time series keep their documents.
    {"resource": _BUCKETS, "actions": _READ},
    _on("", "system.js", "find", "listIndexes"),
    _on("", "system.views", "find", "listIndexes"),
    _on("config", "", *_READ),
)
_OPLOG = (
    _on("local", "oplog.rs", "find"),
    # A transaction that is open when capturing begins is known here only.
    _on("config", "transactions", "find"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role in ``admin``: what for, and what it may."""

    name: str
    purpose: str
    privileges: tuple[Privilege, ...]
    inherits: tuple[str, ...] = field(default=())

    def definition(self) -> dict[str, Any]:
        """The fields that createRole and updateRole take."""
        inherited = [{"role": name, "db": "admin"} for name in self.inherits]
        return {"privileges": list(self.privileges), "roles": inherited}


ROLES = (
    Role(
        name="monitorBackup",
        purpose="full backups and backups of configuration: reads everything, users and roles included; writes nothing",
        privileges=(
            *_READ_EVERYTHING,
            *(_on("admin", name, "find", "listIndexes") for name in ("system.users", "system.roles", "system.version")),
            _cluster(
                *("listDatabases", "replSetGetStatus", "replSetGetConfig", "serverStatus"),
                *("getParameter", "getCmdLineOpts", "getDefaultRWConcern"),
            ),
        ),
    ),
    Role(
        name="monitorCapture",
        purpose="the continuous capture of the oplog: reads that, and how far the set has committed; no collection",
        privileges=(*_OPLOG, _cluster("replSetGetStatus", "replSetGetConfig")),
    ),
    Role(
        name="monitorVerify",
        purpose="comparing a restored copy with the live source: reads everything but users, roles and their passwords",
        privileges=(
            *_READ_EVERYTHING,
            _OPLOG[0],
            # How long a snapshot is kept, and whether the member was restarted or rolled back while it was read.
            _cluster("listDatabases", "replSetGetStatus", "replSetGetConfig", "getParameter", "serverStatus"),
        ),
    ),
    Role(
        name="monitorRestore",
        purpose="restoring into a server, and erasing there who asked to be forgotten; for people only",
        inherits=("restore",),
        privileges=(
            # What `restore` lacks to replay the oplog into a server in use, and to empty it before where that is meant.
            {"resource": _ANY, "actions": [*_READ, "update", "remove", "renameCollectionSameDB", "dropDatabase"]},
            # The oplog makes, changes and drops views by their definitions, and time series by their buckets as well.
            _on("", "system.views", *_WRITE),
            {"resource": _BUCKETS, "actions": _WRITE},
            # And users and roles, the first of which make their collections.
            *(_on("admin", name, *_WRITE) for name in ("system.users", "system.roles")),
            _cluster("listDatabases"),
        ),
    ),
)
