"""The least that backup, capture, verification and restore need of MongoDB and Redis. Pure but for ``apply``.

MongoDB's own roles give more: ``backup`` may write into ``mms`` and change settings, ``clusterMonitor`` sees every
query that runs, and so the values in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.sources.mongodb import Client, one_sentence

Privilege = dict[str, Any]

_READ = ["find", "listCollections", "listIndexes", "dbStats", "collStats"]
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


MONGODB = (
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
        privileges=({"resource": _ANY, "actions": [*_READ, "update", "remove"]}, _cluster("listDatabases")),
    ),
)

USERS = {"monitorBackup": "monitor-backup", "monitorCapture": "monitor-capture"}
USERS |= {"monitorVerify": "monitor-verify", "monitorRestore": "monitor-restore"}
"""The user of each role; its password is in the file of that name."""

REDIS_USER = "monitor-backup"
REDIS_RULES = "-@all +sync +psync +replconf"
"""SYNC hands over everything, so this user may ask for nothing else."""
REDIS_RULES_COUNTED = f"{REDIS_RULES} +info"
"""With it the number of keys is compared as well."""


def redis_lines(password: str | None) -> tuple[str, ...]:
    """The line of Redis's ACL file, with the hash of a password or where that goes."""
    digest = hashlib.sha256(password.encode()).hexdigest() if password else "SHA256_OF_THE_PASSWORD"
    return (
        f"user {REDIS_USER} on #{digest} {REDIS_RULES_COUNTED}",
        f"# without counts to compare: user {REDIS_USER} on #{digest} {REDIS_RULES}",
    )


def apply(client: Client, where: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """Make or change all roles, and the users whose password is given (by user name); returns what was done to each.

    Raises:
        Unavailable: the server does not answer, or this user may not manage users.
    """
    done = {}
    with one_sentence("creating roles", where):
        known = {role["role"] for role in client.admin.command("rolesInfo", 1)["roles"]}
        for role in MONGODB:
            changes = role.name in known
            client.admin.command("updateRole" if changes else "createRole", role.name, **role.definition())
            done[role.name] = "updated" if changes else "created"
        there = {user["user"] for user in client.admin.command("usersInfo", 1)["users"]}
        for name, user in USERS.items():
            if user in passwords:
                roles = [{"role": name, "db": "admin"}]
                command = "updateUser" if user in there else "createUser"
                client.admin.command(command, user, pwd=passwords[user], roles=roles)
                done[user] = "updated" if user in there else "created"
    return done
