"""Makes the least-privilege roles of backup, capture, verification and restore in MongoDB; Redis's line for its ACL."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from monitor.sources.mongodb import Client, one_sentence
from monitor.sources.mongodb_roles import ROLES

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
        for role in ROLES:
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
