"""One member of a replica set: its own client, connected to it alone, kept between scrapes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import pymongo
from pymongo import AsyncMongoClient
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from exporters.collector import CollectError, Deadline
from exporters.mongodb.status import Document
from exporters.reasons import Reason
from exporters.settings import Settings, SettingsError, read_password

_LEFT_OUT = ("locks", "tcmalloc", "tenantMigrations", "mirroredReads", "logicalSessionRecordCache", "catalogStats")
"""Sections of serverStatus that no family reads; leaving them out halves the work of decoding."""
_SERVER_STATUS = {
    "serverStatus": 1,
    "opLatencies": {"histograms": True},
    "oplog": 1,
    **dict.fromkeys(_LEFT_OUT, 0),
}

_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = 18
_NO_REPLICATION = 76
_NOT_YET_INITIALIZED = 94
SPARE = 0.1
"""Seconds before the deadline at which a silent member is given up, so that the others still make the page."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one member said: ``replset`` is ``None`` where it belongs to no replica set."""

    status: Document
    replset: Document | None


class Member:
    """Asks one mongod."""

    def __init__(self, name: str, client: AsyncMongoClient[Document]) -> None:
        self.name = name
        self._client = client

    async def ask(self, deadline: Deadline) -> Answer:
        """Return the member's own words.

        Raises:
            CollectError: it did not give them in time, or at all.
        """
        try:
            # pymongo passes what is left of its timeout to the server as maxTimeMS, so nothing runs on after we left.
            async with deadline.guard(spare=SPARE):
                if not self._known():
                    await self._knock()
                with pymongo.timeout(max(0.001, deadline.remaining(spare=2 * SPARE))):
                    status = await self._client.admin.command(_SERVER_STATUS)
                    return Answer(status, await self._replset())
        except TimeoutError as error:
            raise CollectError(Reason.TIMEOUT) from error
        except PyMongoError as error:
            raise CollectError(reason(error)) from error
        except OSError as error:
            raise CollectError(Reason.REFUSED) from error

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    def _known(self) -> bool:
        servers = self._client.topology_description.server_descriptions().values()
        return any(server.is_server_type_known for server in servers)

    async def _knock(self) -> None:
        """Try the port of a member that was not there last time.

        The driver keeps looking for one until its time is over, closed port or not; every scrape would last as long.

        Raises:
            OSError: nobody listens.
        """
        host, _, port = self.name.rpartition(":")
        _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.close()

    async def _replset(self) -> Document | None:
        try:
            return await self._client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code in {_NO_REPLICATION, _NOT_YET_INITIALIZED}:
                return None
            raise


def members(settings: Settings) -> tuple[Member, ...]:
    """Build one member for each host of the URI.

    Raises:
        SettingsError: the URI is malformed.
    """
    password = read_password(settings.mongodb_password_file)
    try:
        return tuple(
            Member(
                name,
                AsyncMongoClient(
                    uri,
                    username=settings.mongodb_username,
                    password=password,
                    authSource="admin",
                    appname="exporters",
                    maxPoolSize=2,
                    connectTimeoutMS=2000,
                    serverSelectionTimeoutMS=2000,
                ),
            )
            for name, uri in split(settings.mongodb_uri or "")
        )
    except (ConfigurationError, ValueError) as error:
        raise SettingsError(f"mongodb_uri is not usable: {error}") from error


def split(uri: str) -> list[tuple[str, str]]:
    """Turn a replica set's URI into one direct URI per host, keeping its other options.

    Raises:
        ValueError: it is no mongodb:// URI.
    """
    scheme, separator, rest = uri.partition("://")
    if scheme != "mongodb" or not separator or not rest:
        raise ValueError("it should be mongodb://host:port,host:port/?replicaSet=name")
    place, _, query = rest.partition("?")
    dropped = {"replicaset", "directconnection", "readpreference", "loadbalanced"}
    options = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0].lower() not in dropped]
    hosts = place.partition("/")[0].split(",")
    names = [host if ":" in host.rpartition("]")[2] else f"{host}:27017" for host in hosts if host]
    return [(name, f"mongodb://{name}/?{urlencode([*options, ('directConnection', 'true')])}") for name in names]


def reason(error: PyMongoError) -> Reason:
    """Say in one of our closed words what pymongo says in prose."""
    if isinstance(error, OperationFailure) and error.code == _AUTHENTICATION_FAILED:
        return Reason.AUTH
    if isinstance(error, OperationFailure) and error.code == _UNAUTHORIZED:
        return Reason.DENIED
    if isinstance(error, ServerSelectionTimeoutError):
        # Nobody was selected: a closed port says so at once in each attempt, silence only times out.
        return Reason.REFUSED if "refused" in str(error).lower() else Reason.TIMEOUT
    if error.timeout or isinstance(error, (NetworkTimeout, ExecutionTimeout, WaitQueueTimeoutError)):
        return Reason.TIMEOUT
    return Reason.REFUSED if isinstance(error, AutoReconnect) else Reason.ERROR
