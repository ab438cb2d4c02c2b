"""A replica set at work, and what it held at some instant: the oracle that restores are held against."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from monitor.backup.model import ClusterTime
from monitor.sources.mongodb import Client

DATABASES = ("clinic", "archive", "gone")


@dataclass(frozen=True)
class Seen:
    """What was there at ``at``: digests of documents in the order of dbHash, and the catalogue."""

    at: ClusterTime
    digests: dict[str, str]
    catalogue: dict[str, Any]


def digests(client: Client, session: Any = None) -> dict[str, str]:
    """Each collection's md5 as dbHash would have it: by ``_id``, capped ones as they lie."""
    found = {}
    for database in DATABASES:
        # Listed outside of the session: a snapshot knows no listing.
        for info in client[database].list_collections():
            if info["type"] in {"view", "timeseries"} or info["name"] == "system.views":
                # Views are held against each other by their options; a time series' documents are in its buckets.
                continue
            md5 = hashlib.md5(usedforsecurity=False)
            for batch in _raw(client[database][info["name"]], info["options"], session):
                md5.update(batch)
            found[f"{database}.{info['name']}"] = md5.hexdigest()
    return found


def _raw(collection: Any, options: dict[str, Any], session: Any) -> Any:
    if options.get("capped"):
        return collection.with_options(read_concern=ReadConcern("majority")).find_raw_batches()
    by_id = [("_id", 1)]
    if "clusteredIndex" in options:
        return collection.find_raw_batches({}, sort=by_id, session=session)
    return collection.find_raw_batches({}, sort=by_id, hint=by_id, session=session)


def catalogue(client: Client) -> dict[str, Any]:
    """Options and indexes of everything, without identities; users and roles."""
    found: dict[str, Any] = {}
    for database in DATABASES:
        for info in client[database].list_collections():
            name = f"{database}.{info['name']}"
            if info["name"] == "system.views":
                continue
            found[name] = {"type": info["type"], "options": info["options"]}
            if info["type"] != "view" and not info["name"].startswith("system."):
                rows = client[database][info["name"]].list_indexes()
                found[name]["indexes"] = sorted((dict(row) for row in rows), key=lambda row: str(row["name"]))
    users = client.admin["system.users"].find({"db": "clinic"}, sort=[("_id", 1)])
    found["users"] = [{key: user[key] for key in ("_id", "userId", "credentials", "roles")} for user in users]
    found["roles"] = list(client.admin["system.roles"].find({"db": "clinic"}, sort=[("_id", 1)]))
    return found


def _building(client: Client) -> Iterator[str]:
    """The collections that have an index whose build was begun and not committed: it is listed already."""
    for database in DATABASES:
        for name in client[database].list_collection_names(filter={"type": "collection"}):
            told = client[database].command({"listIndexes": name, "includeBuildUUIDs": True})["cursor"]["firstBatch"]
            if any("buildUUID" in index for index in told):
                yield f"{database}.{name}"


@dataclass
class Load:
    """Writers and changes of every kind. ``ddl`` is held while somebody looks."""

    client: Client
    seed: int = 0
    ddl: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)
    failures: list[BaseException] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    """How often each kind of change was made."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def clean(self) -> None:
        for name in DATABASES:
            self.client.drop_database(name)
        self.client.clinic.command("dropAllUsersFromDatabase")
        self.client.clinic.command("dropAllRolesFromDatabase")

    def prepare(self) -> None:
        clinic = self.client.clinic
        clinic.create_collection("collated", collation={"locale": "de", "strength": 2})
        clinic.collated.create_index([("name", 1)], name="plain", collation={"locale": "simple"})
        clinic.collated.create_index([("name", -1)], name="like_it")
        clinic.create_collection("log", capped=True, size=20_000, max=50)
        clinic.create_collection("valid", validator={"n": {"$type": "int"}})
        timed = {"timeField": "at", "metaField": "who", "granularity": "seconds"}
        clinic.create_collection("measured", timeseries=timed)
        clinic.measured.create_index([("who", 1), ("at", -1)], name="by_who")
        clinic.create_collection("few", viewOn="many", pipeline=[{"$match": {"n": {"$lt": 5}}}])
        clinic.many.insert_many([{"_id": n, "n": n, "list": [1, 2, 3], "sub": {"a": {"b": n}}} for n in range(500)])
        clinic.many.create_index("n")
        clinic.accounts.insert_many([{"_id": n, "balance": 100} for n in range(20)])

    @contextmanager
    def running(self, writers: int = 2) -> Iterator[None]:
        self.stop.clear()
        threads = [threading.Thread(target=self._loop, args=(self._write, n)) for n in range(writers)]
        threads += [threading.Thread(target=self._loop, args=(self._transact, 7))]
        threads += [threading.Thread(target=self._loop, args=(self._change, 9))]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()
        assert self.failures == []

    def _loop(self, do: Callable[[random.Random], None], number: int) -> None:
        rng = random.Random(f"{self.seed}-{number}")
        while not self.stop.is_set():
            try:
                do(rng)
            except PyMongoError:
                # An election in between, or a collection that a change has just taken away: what this is about.
                time.sleep(0.05)
            except Exception as error:  # noqa: BLE001  # told by running()
                self.failures.append(error)
                return

    def _write(self, rng: random.Random) -> None:
        many, n = self.client.clinic.many, rng.randrange(800)
        some = {"$set": {f"sub.a.{rng.choice('bcd')}": rng.random(), f"list.{rng.randrange(3)}": n}}
        rng.choice(
            (
                lambda: many.update_one({"_id": n}, some),
                lambda: many.update_one({"_id": n}, {"$push": {"list": n}, "$inc": {"n": 1}}, upsert=True),
                lambda: many.replace_one({"_id": n}, {"n": n, "whole": "x" * rng.randrange(300)}, upsert=True),
                lambda: many.update_one({"_id": n}, [{"$set": {"twice": {"$multiply": ["$n", 2]}}}, {"$unset": "sub"}]),
                lambda: many.delete_one({"_id": n}),
                lambda: many.insert_many([{"_id": ObjectId(), "n": n} for _ in range(5)]),
                lambda: many.find_one_and_update({"_id": n}, {"$unset": {"whole": 1}}),
                lambda: self.client.clinic.measured.insert_one({"at": datetime.now(UTC), "who": n % 5, "value": n}),  # noqa: TID251
                lambda: self.client.clinic.collated.insert_one({"name": f"N{n}"}),
            )
        )()
        time.sleep(0.001)

    def _transact(self, rng: random.Random) -> None:
        clinic = self.client.clinic
        with self.client.start_session() as session, session.start_transaction():
            one, other, amount = rng.randrange(20), rng.randrange(20), rng.randrange(10)
            clinic.accounts.update_one({"_id": one}, {"$inc": {"balance": -amount}}, session=session)
            clinic.accounts.update_one({"_id": other}, {"$inc": {"balance": amount}}, session=session)
            clinic.moves.insert_one({"_id": ObjectId(), "amount": amount}, session=session)
            if rng.random() < 0.05:
                # More than one entry of the oplog holds.
                rows = [{"_id": ObjectId(), "text": "y" * 4_000_000} for _ in range(5)]
                clinic.large.insert_many(rows, session=session)
                clinic.large.delete_many({"_id": {"$in": [row["_id"] for row in rows[1:]]}}, session=session)
            if rng.random() < 0.1:
                session.abort_transaction()
        time.sleep(0.02)

    def _change(self, rng: random.Random) -> None:
        with self.ddl:
            change = rng.choice(CHANGES)
            getattr(self, f"_do_{change}")(rng)
            self.done[change] += 1
        time.sleep(0.02)

    def _do_create_and_rename(self, rng: random.Random) -> None:
        clinic, n = self.client.clinic, rng.randrange(3)
        fresh, final = clinic[f"fresh{n}"], f"final{n}"
        fresh.insert_many([{"n": i, "m": -i} for i in range(20)])
        fresh.create_index("n", name=f"n_{rng.randrange(3)}")
        fresh.rename(final, dropTarget=True)
        clinic[final].create_index("m")

    def _do_rename_across(self, rng: random.Random) -> None:
        self.client.archive.drop_collection("moved")
        self.client.clinic.movable.insert_one({"n": 1})
        self.client.clinic.movable.create_index("n")
        self.client.admin.command({"renameCollection": "clinic.movable", "to": "archive.moved", "dropTarget": True})

    def _do_out(self, rng: random.Random) -> None:
        self.client.clinic.many.aggregate([{"$match": {"n": {"$lt": rng.randrange(100)}}}, {"$out": "output"}])

    def _do_drop(self, rng: random.Random) -> None:
        self.client.clinic.drop_collection(f"final{rng.randrange(3)}")

    def _do_drop_database(self, rng: random.Random) -> None:
        self.client.gone.things.insert_one({"n": 1})
        self.client.gone.things.create_index("n")
        if "peek" not in self.client.gone.list_collection_names():
            self.client.gone.create_collection("peek", viewOn="things", pipeline=[{"$limit": 1}])
        if rng.random() < 0.5:
            self.client.drop_database("gone")

    def _do_index(self, rng: random.Random) -> None:
        many = self.client.clinic.many
        if rng.random() < 0.5:
            many.create_index([("list", 1)], name="list_it", sparse=True)
            many.create_index([("whole", "text")], name="words")
            many.create_index([("sub.a.b", 1)], name="part", partialFilterExpression={"n": {"$gt": 3}})
        else:
            for name in ("list_it", "words", "part"):
                if name in many.index_information():
                    many.drop_index(name)

    def _do_modify(self, rng: random.Random) -> None:
        clinic = self.client.clinic
        clinic.command({"collMod": "valid", "validator": {"n": {"$gt": rng.randrange(9)}}, "validationLevel": "off"})
        clinic.valid.insert_one({"n": "text"})
        if "n_1" not in clinic.valid.index_information():
            clinic.valid.create_index("n", expireAfterSeconds=10**6)
        clinic.command(
            {"collMod": "valid", "index": {"keyPattern": {"n": 1}, "expireAfterSeconds": rng.randrange(10**7)}}
        )
        clinic.command({"collMod": "valid", "index": {"name": "n_1", "hidden": rng.random() < 0.5}})
        pipeline = [{"$match": {"n": {"$lt": rng.randrange(10)}}}]
        clinic.command({"collMod": "few", "viewOn": "many", "pipeline": pipeline})

    def _do_view(self, rng: random.Random) -> None:
        name = f"view{rng.randrange(2)}"
        self.client.clinic.drop_collection(name)
        self.client.clinic.create_collection(name, viewOn="many", pipeline=[{"$limit": rng.randrange(1, 9)}])

    def _do_capped(self, rng: random.Random) -> None:
        self.client.clinic.log.insert_many([{"n": rng.random(), "pad": "z" * 100} for _ in range(10)])

    def _do_to_capped(self, rng: random.Random) -> None:
        clinic = self.client.clinic
        clinic.drop_collection("shrunk")
        clinic.shrunk.insert_many([{"n": n} for n in range(10)])
        clinic.shrunk.create_index("n")
        clinic.command({"convertToCapped": "shrunk", "size": 4096})

    def _do_time_series(self, rng: random.Random) -> None:
        clinic = self.client.clinic
        clinic.drop_collection("series")
        clinic.create_collection("series", timeseries={"timeField": "at", "metaField": "m"})
        start = datetime(2026, 1, 1, tzinfo=UTC)
        clinic.series.insert_many([{"at": start + timedelta(seconds=n), "m": n % 2, "v": n} for n in range(50)])
        clinic.series.create_index([("m", 1), ("at", 1)], name="m_at")
        clinic.command({"collMod": "series", "timeseries": {"granularity": "minutes"}})
        clinic.command({"collMod": "series", "expireAfterSeconds": rng.randrange(10**6, 10**7)})

    def _do_clustered(self, rng: random.Random) -> None:
        clinic = self.client.clinic
        clinic.drop_collection("clustered")
        by_id = {"key": {"_id": 1}, "unique": True}
        clinic.create_collection("clustered", clusteredIndex=by_id, changeStreamPreAndPostImages={"enabled": True})
        clinic.clustered.insert_many([{"_id": n, "n": rng.random()} for n in range(10)])
        clinic.clustered.create_index("n")
        clinic.command({"collMod": "clustered", "changeStreamPreAndPostImages": {"enabled": rng.random() < 0.5}})

    def _do_users(self, rng: random.Random) -> None:
        clinic, name = self.client.clinic, f"user{rng.randrange(3)}"
        known = {user["user"] for user in clinic.command("usersInfo")["users"]}
        if name not in known:
            clinic.command({"createUser": name, "pwd": "secret", "roles": ["read"]})
        elif rng.random() < 0.5:
            clinic.command({"updateUser": name, "pwd": "another", "roles": ["readWrite"]})
        else:
            clinic.command({"dropUser": name})
        roles = {role["role"] for role in clinic.command("rolesInfo", 1)["roles"]}
        if "looker" not in roles:
            clinic.command({"createRole": "looker", "privileges": [], "roles": ["read"]})
        else:
            clinic.command({"updateRole": "looker", "roles": ["read", "dbAdmin"][: rng.randrange(3)]})

    def _await_builds(self) -> None:
        """Wait for indexes whose builder lost its primary: the next one goes on with them, held back by nothing."""
        deadline = time.monotonic() + 60
        while building := sorted(_building(self.client)):
            assert time.monotonic() < deadline, f"still built: {', '.join(building)}"
            time.sleep(0.05)

    def look(self) -> Seen:
        """What is there now, at one instant; nothing is changed meanwhile, though writers go on."""
        with self.ddl:
            for attempt in range(10):
                try:
                    self._await_builds()
                    with self.client.start_session(snapshot=True) as session:
                        reply = self.client.admin.command({"find": "system.version"}, session=session)["cursor"]
                        at = reply["atClusterTime"]
                        return Seen(
                            ClusterTime(time=at.time, increment=at.inc),
                            digests(self.client, session),
                            catalogue(self.client),
                        )
                except PyMongoError:
                    # A collection younger than the snapshot can be, or an election.
                    if attempt == 9:
                        raise
                    time.sleep(0.3)
        raise AssertionError("unreachable")


CHANGES = tuple(name.removeprefix("_do_") for name in vars(Load) if name.startswith("_do_"))
