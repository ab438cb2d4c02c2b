"""The monitor's MongoDB clients: always with deadlines, and every failure told in one clear sentence.

Nothing here prints or returns a password, and no exception text of the driver reaches the user: it may quote documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymongo
from pymongo import ReadPreference
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    InvalidName,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
    WTimeoutError,
)

from monitor.errors import InputError, Unavailable

Client = pymongo.MongoClient[dict[str, Any]]

AUTHENTICATION_FAILED = 18
UNAUTHORIZED = 13
NAMESPACE_NOT_FOUND = 26
MAX_LAG_S = 60.0
"""A secondary further behind than this is not read from: its recovery points would be old."""

LONGEST_BUILD_S = 24 * 3600.0
"""A client's own deadline is for what should answer soon: a build that outlived it would end its restore."""

_FORGET = {"replicaset", "loadbalanced", "directconnection"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a replica set, as the set itself sees it. ``lag_seconds`` is how far it is behind the primary."""

    name: str
    state: str
    healthy: bool = True
    lag_seconds: float = 0.0
    hidden: bool = False
    priority: float = 1.0


def connect(
    uri: str,
    username: str,
    password: str,
    *,
    direct: bool = False,
    timeout_s: float = 10.0,
    bulk: bool = False,
    durable: bool = False,
) -> Client:
    """Make a client; the first operation connects.

    ``timeout_s`` bounds every operation as a whole. ``bulk`` is for scans that rightly take minutes: then it bounds
    finding a server, and each answer may take six times as long. ``direct`` talks to the one member named in ``uri``.
    ``durable`` holds every write to the majority, whatever the set's own default is: no failover takes it back.

    Raises:
        InputError: the URI cannot be understood.
    """
    milliseconds = int(timeout_s * 1000)
    manner: dict[str, Any] = {"timeoutMS": milliseconds}
    if bulk:
        # timeoutMS would bound a cursor's whole life. Dates beyond Python's years must come through unharmed.
        manner = {"socketTimeoutMS": milliseconds * 6, "datetime_conversion": "DATETIME_MS"}
    if durable:
        manner["w"] = "majority"
    with one_sentence("reading mongodb_uri", hosts(uri)):
        return pymongo.MongoClient(
            uri,
            username=username or None,
            password=password or None,
            authSource="admin",
            directConnection=direct,
            readPreference="secondaryPreferred" if direct else "primary",
            appname="monitor",
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            **manner,
        )


def connect_member(uri: str, member: str, username: str, password: str, *, bulk: bool = False) -> Client:
    """Make a client that talks to one member only, with everything else (TLS, say) as the set's ``uri`` has it."""
    return connect(member_uri(uri, member), username, password, direct=True, bulk=bulk)


def member_uri(uri: str, member: str) -> str:
    """Return ``uri`` with ``member`` as its only host and without what selects a replica set."""
    scheme, _, rest = uri.partition("://")
    path, _, query = rest.partition("?")
    options = [option for option in query.split("&") if option and option.partition("=")[0].lower() not in _FORGET]
    if scheme == "mongodb+srv" and not any(option.lower().startswith(("tls=", "ssl=")) for option in options):
        options.append("tls=true")
    _, _, database = path.partition("/")
    return f"mongodb://{member}/{database}" + ("?" + "&".join(options) if options else "")


def hosts(uri: str) -> str:
    """Return the host list of a URI, for messages: never user or password."""
    return uri.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]


def write(client: Client, database: str, command: dict[str, Any]) -> dict[str, Any]:
    """Run a command that writes, held to the client's write concern: by itself the driver holds only its helpers to it.

    Raises:
        WriteConcernError: it was done, but is not as durable as was asked for.
        PyMongoError: as any command.
    """
    concern = client.write_concern
    if concern.is_server_default:
        return client[database].command(command)
    reply = client[database].command({**command, "writeConcern": concern.document})
    if (error := reply.get("writeConcernError")) is not None:
        raise WriteConcernError(str(error.get("codeName", "")), error.get("code"), error)
    return reply


def collections(client: Client, database: str, wanted: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """List the collections of a database, those with the ``wanted`` fields.

    Raises:
        PyMongoError: as any command.
    """
    yield from _listed(client, database, {"listCollections": 1, "filter": wanted or {}})


def indexes(client: Client, database: str, collection: str) -> Iterator[dict[str, Any]]:
    """List the indexes of a collection; none if there is no such one.

    Raises:
        PyMongoError: as any command.
    """
    try:
        yield from _listed(client, database, {"listIndexes": collection})
    except OperationFailure as error:
        if error.code != NAMESPACE_NOT_FOUND:
            raise


def _listed(client: Client, database: str, command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Read a listing, with dates as the client has them: the driver's own helpers know none beyond Python's years."""
    options = client.codec_options
    with client.start_session() as session:
        cursor = client[database].command({**command, "cursor": {}}, codec_options=options, session=session)["cursor"]
        yield from cursor["firstBatch"]
        while cursor["id"]:
            more = {"getMore": cursor["id"], "collection": cursor["ns"].partition(".")[2]}
            cursor = client[database].command(more, codec_options=options, session=session)["cursor"]
            yield from cursor["nextBatch"]


def build_indexes(client: Client, database: str, name: str, specifications: list[dict[str, Any]]) -> None:
    """Build indexes, held to the write concern as ``write`` holds; that takes as long as there is data.

    Raises:
        PyMongoError: as ``write``.
    """
    with pymongo.timeout(LONGEST_BUILD_S):
        write(client, database, {"createIndexes": name, "indexes": specifications})


def find_members(client: Client) -> tuple[Member, ...]:
    """Ask the set who is in it; empty for a server that is in none.

    Needs ``clusterMonitor``.

    Raises:
        Unavailable: nobody answers, or the user may not ask.
    """
    # Whoever answers knows the others: between two primaries a secondary can still be read from.
    anyone = ReadPreference.PRIMARY_PREFERRED
    with one_sentence("asking the replica set for its members", _where(client)):
        if "setName" not in client.admin.command("hello", read_preference=anyone):
            return ()
        status = client.admin.command("replSetGetStatus", read_preference=anyone)
        config = client.admin.command("replSetGetConfig", read_preference=anyone)["config"]
    configured = {member["host"]: member for member in config["members"]}
    newest = max((m["optimeDate"] for m in status["members"] if m["stateStr"] == "PRIMARY"), default=None)
    members = []
    for member in status["members"]:
        behind = (newest - member["optimeDate"]).total_seconds() if newest and "optimeDate" in member else 0.0
        entry = configured.get(member["name"], {})
        members.append(
            Member(
                name=member["name"],
                state=member["stateStr"],
                healthy=bool(member["health"]),
                lag_seconds=max(0.0, behind),
                hidden=bool(entry.get("hidden", False)),
                priority=float(entry.get("priority", 1)),
            )
        )
    return tuple(members)


def choose_secondary(members: Iterable[Member], *, max_lag_s: float = MAX_LAG_S) -> Member | None:
    """Return the member that a long read hurts least: hidden first, then low priority, then the least lag."""
    able = [m for m in members if m.healthy and m.state == "SECONDARY" and m.lag_seconds <= max_lag_s]
    return min(able, key=lambda m: (not m.hidden, m.priority, m.lag_seconds, m.name), default=None)


def primary_name(members: Iterable[Member]) -> str | None:
    """Return the primary's ``host:port``, or ``None`` while there is none."""
    return next((member.name for member in members if member.healthy and member.state == "PRIMARY"), None)


@contextmanager
def one_sentence(doing: str, where: str) -> Iterator[None]:
    """Turn what the driver raises into one of our errors: ``doing`` what, at ``where``, why not, what to do."""
    try:
        yield
    except (InvalidURI, ConfigurationError, InvalidName) as error:
        # The driver's text may quote the URI; the class name tells enough.
        raise InputError(
            f"{doing}: {where or 'it'} is no usable MongoDB URI ({type(error).__name__}): write it as "
            "mongodb://HOST:PORT,HOST:PORT/?replicaSet=NAME"
        ) from error
    except (ExecutionTimeout, WTimeoutError) as error:
        raise Unavailable(f"{doing}: MongoDB at {where} did not finish in time: is it overloaded?") from error
    except OperationFailure as error:
        raise Unavailable(f"{doing}: {refusal(error, where)}") from error
    except ConnectionFailure as error:
        raise Unavailable(f"{doing}: MongoDB at {where} does not answer: is it running and reachable?") from error
    except PyMongoError as error:
        raise Unavailable(f"{doing}: MongoDB at {where} failed ({type(error).__name__})") from error


def refusal(error: OperationFailure, where: str) -> str:
    """Say why a server refused, without quoting it."""
    if error.code == AUTHENTICATION_FAILED:
        return f"MongoDB at {where} refused the user or password: check backup_username and backup_password_file"
    if error.code == UNAUTHORIZED:
        return f"MongoDB at {where} forbids it to this user: grant backup, clusterMonitor, readAnyDatabase"
    name = (error.details or {}).get("codeName", "no name")
    return f"MongoDB at {where} refused with error {error.code} ({name})"


def _where(client: Client) -> str:
    return ",".join(f"{host}:{port}" for host, port in sorted(client.topology_description.server_descriptions()))
