"""What can go wrong with a MongoDB server, in the driver's words and in ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo import AsyncMongoClient
from pymongo.errors import (
    AutoReconnect,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    ProtocolError,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from exporters.collector import CollectError
from exporters.reasons import Reason

Document = Mapping[str, Any]

_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = 18


def reached(client: AsyncMongoClient[Document]) -> bool:
    """Tell whether the driver has a server at this address in sight."""
    servers = client.topology_description.server_descriptions().values()
    return any(server.is_server_type_known for server in servers)


def met(client: AsyncMongoClient[Document]) -> Exception | None:
    """Return what the driver met at the server's port each time, where it only says that time is over."""
    servers = client.topology_description.server_descriptions().values()
    # Without the traceback, which would grow each time that it is raised again.
    return next((server.error.with_traceback(None) for server in servers if server.error is not None), None)


def is_refusal(error: Exception) -> bool:
    """Tell whether user or password were not accepted."""
    return isinstance(error, OperationFailure) and error.code == _AUTHENTICATION_FAILED


@contextmanager
def plainly() -> Iterator[None]:
    """Turn whatever goes wrong while asking into a CollectError.

    Raises:
        CollectError: something did.
    """
    try:
        yield
    except TimeoutError as error:
        raise CollectError(Reason.TIMEOUT) from error
    except PyMongoError as error:
        raise CollectError(reason(error)) from error
    except BSONError as error:
        raise CollectError(Reason.MALFORMED) from error
    except OSError as error:
        raise CollectError(Reason.REFUSED) from error


def reason(error: PyMongoError) -> Reason:
    """Say in one of our closed words what pymongo says in prose."""
    if is_refusal(error):
        return Reason.AUTH
    if isinstance(error, OperationFailure) and error.code == _UNAUTHORIZED:
        return Reason.DENIED
    if isinstance(error, ServerSelectionTimeoutError):
        # Nobody was selected: a closed port says so at once in each attempt, silence only times out.
        return Reason.REFUSED if "refused" in str(error).lower() else Reason.TIMEOUT
    if error.timeout or isinstance(error, (NetworkTimeout, ExecutionTimeout, WaitQueueTimeoutError)):
        return Reason.TIMEOUT
    if isinstance(error, ProtocolError):
        return Reason.MALFORMED
    return Reason.REFUSED if isinstance(error, AutoReconnect) else Reason.ERROR
