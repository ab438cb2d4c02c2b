"""The edge to MongoDB: the client, the deadline and repetition of each operation, its measurement, and the indexes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import pymongo
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect, EncryptionError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import Primary, PrimaryPreferred

from app.deadline import remaining
from app.metrics import Metrics
from app.pool import PoolMetrics
from app.settings import Settings, read_password

T = TypeVar("T")
Document = dict[str, Any]
Client = AsyncMongoClient[Document]

BUSY_STATUSES = ("pending", "booked", "arrived", "checked-in", "fulfilled")
"""The FHIR statuses in which an appointment keeps its time from others."""

_POOL_SIZE = 50
_PAUSE = 0.1
"""Seconds between attempts: during an election the servers answer "not primary" at once."""


class DatabaseUnavailable(Exception):  # noqa: N818  # reads as what it says
    """MongoDB gave no answer within the deadline; whether a write took place is not known."""


def connect(settings: Settings, metrics: Metrics) -> Client:
    """Make the client; it connects when first used.

    Raises:
        SettingsError: the password file cannot be read.
    """
    password = read_password(settings.mongodb_password_file, "mongodb_password")
    credentials: dict[str, Any] = (
        {"username": settings.mongodb_username, "password": password, "authSource": "admin"} if password else {}
    )
    return AsyncMongoClient(
        settings.mongodb_uri,
        **credentials,
        appname=settings.instance,
        w="majority",
        retryWrites=True,
        retryReads=True,
        tz_aware=True,
        # Reads outlive the loss of the primary. Double booking is prevented by an index, never by what was read.
        read_preference=PrimaryPreferred(),
        # Operations carry their own, shorter deadline (Database.run); this one bounds whatever is outside of it.
        timeoutMS=round(settings.operation_timeout * 1000),
        serverSelectionTimeoutMS=round(settings.operation_timeout * 1000),
        # A frozen member is noticed after connectTimeout + heartbeatFrequency without an answer to the monitor.
        connectTimeoutMS=2_000,
        heartbeatFrequencyMS=2_000,
        maxPoolSize=_POOL_SIZE,
        minPoolSize=2,
        event_listeners=[PoolMetrics(metrics)],
    )


def confirmed(collection: AsyncCollection[Document]) -> AsyncCollection[Document]:
    """Read so that what is seen is on a majority of members and cannot be rolled back; waits for it if need be.

    Needed where a repeated attempt finds the first one's write: to confirm it to a patient it has to be as safe as a
    write that was acknowledged with w=majority.
    """
    return collection.with_options(read_concern=ReadConcern("linearizable"), read_preference=Primary())


class Database:
    """The app's database: every operation goes through ``run``, which bounds, repeats and measures it."""

    def __init__(self, client: Client, settings: Settings, metrics: Metrics) -> None:
        self.client = client
        self.data: AsyncDatabase[Document] = client[settings.mongodb_database]
        self._settings = settings
        self._metrics = metrics

    async def run(self, name: str, operation: Callable[[], Awaitable[T]]) -> T:
        """Run one operation that may be repeated without harm, and measure it as ``name``.

        Raises:
            DatabaseUnavailable: there was no answer in time.
            PyMongoError: MongoDB answered, and refused (a duplicate key, for one).
        """
        started = time.perf_counter()
        outcome = "error"
        try:
            result = await self.attempts(operation)
            outcome = "ok"
        except pymongo.errors.DuplicateKeyError:
            outcome = "ok"  # an answer like any other: the index did its work
            raise
        finally:
            self._metrics.operation("mongodb", name, outcome, time.perf_counter() - started)
        return result

    async def attempts(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Repeat an operation until MongoDB answers or the request's deadline passes.

        The driver itself repeats once, and only where a connection broke. It does not after a time-out, which is all
        that a frozen primary ever gives.

        Raises:
            DatabaseUnavailable: there was no answer in time.
        """
        ends = time.monotonic() + min(self._settings.operation_timeout, remaining(self._settings.operation_timeout))
        while True:
            left = ends - time.monotonic()
            if left <= _PAUSE:
                raise DatabaseUnavailable
            try:
                with pymongo.timeout(min(left, self._settings.attempt_timeout)):
                    return await operation()
            except PyMongoError as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(_PAUSE)


def is_transient(error: BaseException) -> bool:
    """Whether the same operation may succeed a moment later, on another primary."""
    if isinstance(error, EncryptionError):  # wraps what happened while fetching the data key
        return is_transient(error.cause)
    return isinstance(error, AutoReconnect) or (isinstance(error, PyMongoError) and error.timeout)


_BUSY: Mapping[str, Any] = {"status": {"$in": list(BUSY_STATUSES)}}
GUARDS = {
    "appointments": (
        pymongo.IndexModel("cells", name="practitioner_cells", unique=True, partialFilterExpression=_BUSY),
        pymongo.IndexModel("patient_cells", name="patient_cells", unique=True, partialFilterExpression=_BUSY),
        pymongo.IndexModel([("patient", 1), ("idempotency_key", 1)], name="idempotency", unique=True),
    ),
    "users": (pymongo.IndexModel("email", name="email", unique=True),),
}
"""Without them appointments and registrations could double. Keys hold opaque ids only: E11000 texts quote them."""

_FOR_FIGURES = (
    # They hold all that a business figure is counted from, so that counting reads no appointment.
    pymongo.IndexModel([("status", 1), ("start", 1), ("practitioner", 1), ("end", 1)], name="status_start"),
    pymongo.IndexModel([("created", 1), ("start", 1), ("practitioner", 1)], name="created_start"),
    pymongo.IndexModel("history.at", name="cancelled_at", partialFilterExpression={"status": "cancelled"}),
)
_SYNTHETIC = pymongo.IndexModel(
    # Holds synthetic patients' documents only, so it is as good as empty.
    [("synthetic", 1), ("created", 1)],
    name="synthetic",
    partialFilterExpression={"synthetic": {"$exists": True}},
)
_HELPERS = {
    "appointments": (
        pymongo.IndexModel([("practitioner", 1), ("start", 1)], name="practitioner_start"),
        pymongo.IndexModel([("patient", 1), ("start", 1), ("_id", 1)], name="patient_start"),
        _SYNTHETIC,
        *_FOR_FIGURES,
    ),
    "users": (pymongo.IndexModel("patient", name="patient"), _SYNTHETIC),
    "patients": (pymongo.IndexModel("created", name="created"), _SYNTHETIC),
    # "until", not a fixed age of "at": an index's expiry could not be changed by who may only read and write.
    "erasures": (pymongo.IndexModel("until", name="until", expireAfterSeconds=0),),
    "proofs": (pymongo.IndexModel("until", name="until", expireAfterSeconds=0),),
}
"""Without them everything is right, and slow."""


async def ensure_guards(data: AsyncDatabase[Document]) -> None:
    """Create what the guarantees rest on, where it is missing, however long that takes."""
    await _create(data, GUARDS)


async def ensure_indexes(data: AsyncDatabase[Document]) -> None:
    """Create all indexes that are missing, however long that takes."""
    await _create(data, GUARDS)
    await _create(data, _HELPERS)


async def _create(data: AsyncDatabase[Document], indexes: Mapping[str, Sequence[pymongo.IndexModel]]) -> None:
    # The client's timeoutMS goes along as maxTimeMS. A server that meets it throws the build away, so that one which
    # takes longer would begin again for ever. 0 means no limit here; None would mean the client's.
    with pymongo.timeout(0):
        for name, models in indexes.items():
            await data[name].create_indexes(list(models))
