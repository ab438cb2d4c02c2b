"""Compares two servers by plain reads: written apart from the engine that backs up and restores, and uses none of it.

Documents are read by ``find`` in the order of ``_id`` and hashed; the source's as they were at one cluster time. What
a collection is, is read by ``listCollections`` and ``listIndexes``; users and roles by their own commands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import MongoClient

Client = MongoClient[dict[str, Any]]
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_INTERNAL = ("system.views", "system.buckets.")


@dataclass(frozen=True)
class Content:
    """What a collection holds."""

    documents: int
    bytes: int
    md5: str


def contents(client: Client, databases: tuple[str, ...], at: Timestamp | None = None) -> dict[str, Content]:
    """Every collection's documents, time series by their measurements, as they were ``at`` that time."""
    found = {}
    for database in databases:
        for info in client[database].list_collections():
            name = info["name"]
            if info["type"] == "view" or name.startswith(_INTERNAL):
                continue
            if info["type"] == "timeseries":
                raws = _documents(client, database, f"system.buckets.{name}", {"_id": 1}, at)
            elif info["options"].get("capped"):
                # No snapshot has them: nobody writes to them meanwhile.
                raws = _documents(client, database, name, {"$natural": 1}, None)
            else:
                raws = _documents(client, database, name, {"_id": 1}, at)
            found[f"{database}.{name}"] = _hashed(raws)
    return found


def _hashed(raws: Iterator[bytes]) -> Content:
    md5, count, size = hashlib.md5(usedforsecurity=False), 0, 0
    for raw in raws:
        md5.update(raw)
        count += 1
        size += len(raw)
    return Content(count, size, md5.hexdigest())


def _documents(
    client: Client, database: str, name: str, order: dict[str, int], at: Timestamp | None
) -> Iterator[bytes]:
    # By commands, for no driver lets the time of a snapshot be chosen.
    find: dict[str, Any] = {"find": name, "sort": order, "noCursorTimeout": False}
    if at is not None:
        find["readConcern"] = {"level": "snapshot", "atClusterTime": at}
    with client.start_session(causal_consistency=False) as session:
        cursor: Any = client[database].command(find, codec_options=_RAW, session=session)["cursor"]
        batch = cursor["firstBatch"]
        while True:
            for document in batch:
                yield document.raw
            if not cursor["id"]:
                return
            more = {"getMore": cursor["id"], "collection": name}
            cursor = client[database].command(more, codec_options=_RAW, session=session)["cursor"]
            batch = cursor["nextBatch"]


def catalogue(client: Client, databases: tuple[str, ...]) -> dict[str, Any]:
    """What each collection is: kind, options, indexes without their order; and all users and roles."""
    found: dict[str, Any] = {}
    for database in databases:
        for info in client[database].list_collections():
            name = f"{database}.{info['name']}"
            if info["name"].startswith(_INTERNAL):
                continue
            # What an aggregation writes into until it is done is temporary to the server; nobody else can make one.
            options = {option: value for option, value in info["options"].items() if option != "temp"}
            found[name] = {"type": info["type"], "options": options}
            if info["type"] != "view":
                indexes = client[database].command({"listIndexes": info["name"]})["cursor"]["firstBatch"]
                found[name]["indexes"] = sorted(indexes, key=lambda index: str(index["name"]))
    users = client.admin.command({"usersInfo": {"forAllDBs": True}, "showCredentials": True})["users"]
    found["users"] = sorted(users, key=lambda user: str(user["_id"]))
    roles = client.admin.command({"rolesInfo": 1, "showPrivileges": True})["roles"]
    found["roles"] = sorted(roles, key=lambda role: str(role["role"]))
    return found


def view_rows(client: Client, database: str, name: str) -> list[Any]:
    """What a view shows."""
    return list(client[database][name].find({}, sort=[("_id", 1)]))
