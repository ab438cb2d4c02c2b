"""What MongoDB says of itself (set, parameters, command line), and the application's wrapped data keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bson import json_util
from pymongo.read_preferences import PrimaryPreferred

from monitor.backup.configuration.model import Missing, Part
from monitor.errors import MonitorError, Unavailable
from monitor.sources.mongodb import Client, connect_member, find_members, hosts, one_sentence

OF_A_MEMBER: dict[str, dict[str, Any]] = {"parameters": {"getParameter": "*"}, "options": {"getCmdLineOpts": 1}}
"""Asked of each member: they may differ, and should not."""
_FLEETING = frozenset({"ok", "operationTime", "$clusterTime", "lastCommittedOpTime"})

Found = Iterator[Part | Missing]


def mongodb(client: Client, uri: str, login: tuple[str, str], key_vault: str) -> Found:
    """Ask the set and each of its members. Needs ``clusterMonitor`` and reading the key vault."""
    yield from _tried("mongodb/replica-set.json", lambda: _command(client, {"replSetGetConfig": 1}, "the replica set"))
    yield from _tried("mongodb/default-concerns.json", lambda: _command(client, {"getDefaultRWConcern": 1}, "it"))
    if key_vault:
        yield from _tried("mongodb/key-vault.json", lambda: _vault(client, key_vault))
    try:
        members = [member.name for member in find_members(client)] or [hosts(uri)]
    except MonitorError as error:
        yield Missing(name="mongodb/members", reason=str(error))
        return
    for member in members:
        with connect_member(uri, member, *login) as one:
            for name, command in OF_A_MEMBER.items():
                yield from _tried(f"mongodb/{_plain(member)}/{name}.json", partial(_command, one, command, member))


def _tried(name: str, ask: Callable[[], object]) -> Found:
    try:
        text = json_util.dumps(ask(), json_options=json_util.CANONICAL_JSON_OPTIONS, indent=1, sort_keys=True)
    except MonitorError as error:
        yield Missing(name=name, reason=str(error))
        return
    yield Part(name=name, content=text.encode() + b"\n")


def _command(client: Client, command: dict[str, Any], where: str) -> dict[str, Any]:
    with one_sentence(f"asking {next(iter(command))}", where):
        answer = client.admin.command(command, read_preference=PrimaryPreferred())
    return {name: value for name, value in answer.items() if name not in _FLEETING}


def _vault(client: Client, namespace: str) -> list[dict[str, Any]]:
    """The data keys are wrapped by the application's field key, which is in no backup."""
    database, _, collection = namespace.partition(".")
    with one_sentence(f"reading {namespace}", "mongodb_uri"):
        found = list(client[database].get_collection(collection, read_preference=PrimaryPreferred()).find())
    if not found:
        raise Unavailable(f"{namespace} is empty: where the application keeps its data keys says key_vault")
    return found


def _plain(member: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in member)
