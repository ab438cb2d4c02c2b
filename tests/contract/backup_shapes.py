"""One of everything that a collection can be: names, options, indexes, kinds, odd values, a user and a role."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import bson
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from monitor.sources.mongodb import Client

LONG_NAME = "long " + "é" * 60 + "x" * 80
"""525 bytes once escaped, 205 as the server counts them."""
NAMES = ("übung termine", "a/b/c", "100%", "dots.in.name", "+plus &co", "日本語", "line\nbreak", 'quote"d', LONG_NAME)


def make_shapes(client: Client) -> None:
    """Fill the database ``shapes``."""
    database = client["shapes"]
    for number, name in enumerate(NAMES):
        database[name].insert_many([{"_id": n, "x": number} for n in range(5)])
    database.create_collection("empty")
    database.create_collection(
        "collated",
        collation={"locale": "de", "strength": 2},
        validator={"$jsonSchema": {"required": ["x"], "properties": {"x": {"bsonType": "int"}}}},
        validationLevel="moderate",
        validationAction="error",
    )
    database.create_collection("checked", validator={"x": {"$regex": "^a", "$ne": "admin"}})
    # As `$out` leaves it until it is done.
    making = {"op": "c", "ns": "shapes.$cmd", "o": {"create": "tmp.agg_out.1", "temp": True}}
    client.admin.command({"applyOps": [making], "allowAtomic": False})
    database["tmp.agg_out.1"].insert_many([{"_id": n} for n in range(3)])
    database.collated.insert_many([{"_id": key, "x": 1} for key in ("b", "A", "a1", "Ä")])
    database.create_collection("capped", capped=True, size=4096, max=20)
    database.capped.insert_many([{"_id": (n * 7) % 50} for n in range(50)])
    database.create_collection("series", timeseries={"timeField": "t", "metaField": "m", "granularity": "minutes"})
    database.series.insert_many(
        [{"t": datetime(2026, 1, 1, n % 24, tzinfo=UTC), "m": n % 3, "v": n} for n in range(60)]
    )
    database.series.create_index([("m", 1), ("t", 1)])
    database.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "by id"})
    database.clustered.insert_many([{"_id": n} for n in (3, 1, 2)])
    database.create_collection("view", viewOn="empty", pipeline=[{"$match": {"x": {"$gt": Int64(3)}}}])
    database.create_collection("system.js")
    _indexes(database)
    _odd_values(database)
    client.admin.command("createRole", "clerk", privileges=[], roles=["readAnyDatabase"])
    client.admin.command("createUser", "clerk", pwd="clerk-password", roles=["clerk"])


def drop_user_and_role(client: Client) -> None:
    client.admin.command("dropUser", "clerk")
    client.admin.command("dropRole", "clerk")


def _indexes(database: Any) -> None:
    many = database.indexed
    many.insert_many(
        [
            {"_id": n, "u": n, "s": f"some text {n}", "at": datetime(2020, 1, 1, tzinfo=UTC), "cells": [n, n + 1]}
            | {"place": {"type": "Point", "coordinates": [n, n]}}
            for n in range(50)
        ]
    )
    many.create_index("u", unique=True)
    many.create_index("cells", unique=True, name="cells of the booked", partialFilterExpression={"booked": True})
    # All documents are long expired: a scratch server that expires them would look like a broken backup.
    many.create_index("at", expireAfterSeconds=60)
    many.create_index([("s", "text")], default_language="german", weights={"s": 3})
    many.create_index([("place", "2dsphere"), ("u", -1)])
    many.create_index("s", sparse=True, collation={"locale": "fr"}, name="french")
    many.create_index([("$**", 1)], wildcardProjection={"place": 0})
    many.create_index([("u", "hashed")], hidden=True)


def _odd_values(database: Any) -> None:
    documents = [
        {"_id": 1, "far": bson.DatetimeMS(2**60), "uuid": bson.Binary(bytes(16), 3), "nan": float("nan")},
        {"_id": Int64(2), "code": bson.Code("x", {"y": 1}), "decimal": bson.Decimal128("1.10"), "": "no name"},
        {"_id": {"nested": 1}, "stamps": [Timestamp(0, 0)], "min": bson.MinKey(), "regex": bson.Regex("^a", "i")},
        {"_id": "emoji \U0001f600", "null": None, "long": "x" * 100_000},
    ]
    database.odd.insert_many(documents)
    # The server fills in an empty timestamp on insert; only an update can put one there.
    database.odd.update_one({"_id": 5}, [{"$set": {"empty": {"$literal": Timestamp(0, 0)}}}], upsert=True)
    nameless = bson.encode({"_id": 6, "": Timestamp(0, 0), "far": bson.DatetimeMS(2**60), "text": "no Unicode"})
    literal = RawBSONDocument(nameless.replace(b"no Unicode", b"\xff Unicode "))
    database.odd.update_one({"_id": 6}, [{"$replaceWith": {"$literal": literal}}], upsert=True)
