"""Turns three empty mongods into a replica set with users, and keeps one in step with the stack's ports.

Users are made through the localhost exception, which MongoDB closes with the first of them. Each has what its process
needs and no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from monitor.errors import Unavailable
from monitor.settings import read_secret
from monitor.sources import mongodb_roles
from monitor.stack.layout import DATABASE, MONGODB_USERS, REPLICA_SET, Layout

MEMBERS = ("mongo-1", "mongo-2", "mongo-3")

ROLES: dict[str, list[dict[str, str]]] = {
    "admin": [{"role": "root", "db": "admin"}],
    "app": [{"role": "readWrite", "db": DATABASE}, {"role": "readWrite", "db": "encryption"}],
    "exporters": [{"role": "clusterMonitor", "db": "admin"}, {"role": "read", "db": DATABASE}],
    "backup": [{"role": "monitorBackup", "db": "admin"}],
    "capture": [{"role": "monitorCapture", "db": "admin"}],
    "verify": [{"role": "monitorVerify", "db": "admin"}],
    "restore": [{"role": "monitorRestore", "db": "admin"}],
}
"""What each MongoDB user may do; the last four by the roles that ``monitor backup roles`` makes elsewhere."""

SETTINGS = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
"""A killed primary is replaced in about 3 s instead of 11 s (measured); see docs/decisions.md."""

DEADLINE_S = 40.0
"""How long it may take until there is a primary with all users."""

CLIENT_TIMEOUT_MS = 20_000

EVERYWHERE_MS = 15_000
"""How long a new user may take to reach the slowest member: its initial sync is part of that."""

_AUTHENTICATION_FAILED = 18
_ALREADY_INITIALIZED = 23
_UNAUTHORIZED = 13

_Client = AsyncMongoClient[dict[str, Any]]


async def establish(layout: Layout) -> None:
    """Bring the set to where it should be; does nothing to one that is already there.

    Raises:
        Unavailable: it did not get there in time, or the data was made with other secrets.
    """
    deadline = time.monotonic() + DEADLINE_S
    await _retry(lambda: _initiate(layout), "make the replica set", deadline)
    await _retry(lambda: _make_admin(layout), "make MongoDB's admin user", deadline)
    await _retry(lambda: _make_users(layout), "make MongoDB's users", deadline)


def configuration(layout: Layout, version: int = 1) -> dict[str, Any]:
    """Return the set's configuration: three equal members with a fast election."""
    members = [{"_id": number, "host": layout.address(name), "priority": 1} for number, name in enumerate(MEMBERS)]
    return {"_id": REPLICA_SET, "version": version, "members": members, "settings": SETTINGS}


async def _initiate(layout: Layout) -> None:
    async with _member(layout, MEMBERS[0]) as client:
        hello = await client.admin.command("hello")
        if hello.get("setName") or hello.get("isWritablePrimary"):
            hosts = {*hello.get("hosts", ())}
            if hosts == {layout.address(name) for name in MEMBERS}:
                return
        try:
            await client.admin.command("replSetInitiate", configuration(layout))
        except OperationFailure as error:
            if error.code == _UNAUTHORIZED:
                # Has users, so was initiated before: with other ports, or it still loads its configuration.
                await _move(layout)
            elif error.code != _ALREADY_INITIALIZED:
                raise


async def _move(layout: Layout) -> None:
    """Give the members their new addresses after ``--port-offset`` changed."""
    wanted = configuration(layout)
    async with _member(layout, MEMBERS[0], user="admin") as client:
        current = (await client.admin.command("replSetGetConfig"))["config"]
        if [member["host"] for member in current["members"]] == [member["host"] for member in wanted["members"]]:
            return
        for member, target in zip(current["members"], wanted["members"], strict=True):
            member["host"] = target["host"]
        current["version"] += 1
        # Forced, for no member can reach another at the old addresses: there is no majority to ask.
        await client.admin.command("replSetReconfig", current, force=True)


async def _make_admin(layout: Layout) -> None:
    password = read_secret(layout.mongodb_password("admin"), "mongodb_admin_password")
    try:
        async with _set(layout, user="admin") as client:
            await client.admin.command("ping")
    except OperationFailure as error:
        if error.code != _AUTHENTICATION_FAILED:
            raise
    else:
        return
    primary = await _primary(layout)
    async with _member(layout, primary) as client:
        try:
            await client.admin.command("createUser", "admin", pwd=password, roles=ROLES["admin"])
        except OperationFailure as error:
            if error.code != _UNAUTHORIZED:
                raise
            raise Unavailable(
                f"MongoDB's data in {layout.data} was made with other secrets than those in {layout.secrets}: "
                f"bring those back, or remove {layout.run_dir} to start anew"
            ) from error


async def _make_users(layout: Layout) -> None:
    # On every member, not a majority: whoever reads from the slowest one right after `up` must get in.
    everywhere = {"w": len(MEMBERS), "wtimeout": EVERYWHERE_MS}
    async with _set(layout, user="admin") as client:
        there = {role["role"] for role in (await client.admin.command("rolesInfo", 1))["roles"]}
        for role in mongodb_roles.ROLES:
            command = "updateRole" if role.name in there else "createRole"
            await client.admin.command(command, role.name, **role.definition(), writeConcern=everywhere)
        known = {user["user"]: user["roles"] for user in (await client.admin.command("usersInfo", 1))["users"]}
        for user in MONGODB_USERS:
            if user not in known:
                password = read_secret(layout.mongodb_password(user), f"mongodb_{user}_password")
                await client.admin.command("createUser", user, pwd=password, roles=ROLES[user], writeConcern=everywhere)
            elif _named(known[user]) != _named(ROLES[user]):
                # Made by an older version, which gave it more.
                await client.admin.command("updateUser", user, roles=ROLES[user], writeConcern=everywhere)
        await client.admin.command("setDefaultRWConcern", 1, defaultWriteConcern={"w": "majority"})


def _named(roles: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(role["db"], role["role"]) for role in roles}


async def _primary(layout: Layout) -> str:
    for name in MEMBERS:
        async with _member(layout, name) as client:
            if (await client.admin.command("hello")).get("isWritablePrimary"):
                return name
    raise ConnectionFailure("no member is primary yet")


def _member(layout: Layout, name: str, user: str | None = None) -> _Client:
    """Return a client of one member alone."""
    return _client(layout, f"mongodb://{layout.address(name)}/", user, directConnection=True)


def _set(layout: Layout, user: str) -> _Client:
    """Return a client of the whole set."""
    return _client(layout, layout.mongodb_uri, user)


def _client(layout: Layout, uri: str, user: str | None, **options: Any) -> _Client:
    if user is not None:
        options["username"] = user
        options["password"] = read_secret(layout.mongodb_password(user), f"mongodb_{user}_password")
    return AsyncMongoClient(
        uri,
        serverSelectionTimeoutMS=3000,
        connectTimeoutMS=2000,
        timeoutMS=CLIENT_TIMEOUT_MS,
        retryWrites=False,
        **options,
    )


async def _retry(step: Callable[[], Awaitable[None]], what: str, deadline: float) -> None:
    while True:
        try:
            return await step()
        except PyMongoError as error:
            if time.monotonic() >= deadline:
                reason = f"{type(error).__name__} {getattr(error, 'code', None) or ''}".strip()
                raise Unavailable(f"could not {what} within {DEADLINE_S:.0f} s ({reason})") from error
        # Elections, members that still start and reconfigurations in progress (code 109) pass by themselves.
        await asyncio.sleep(0.2)
