"""HTTP answers that end: who sends a byte now and then, or never stops, is given up.

``requests`` limits how long a server may be silent, and neither how long nor how large its whole answer may be: not
its head, nor its body, nor those that it sends us on to.
"""

from __future__ import annotations

import io
import math
import socket
import time
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout, RequestException
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOST_BYTES = 256 << 20
"""Of one answer. Ten thousand points of a thousand series, at some 25 bytes each, come to about as much."""

_PART = 1 << 16

_until: ContextVar[float] = ContextVar("until", default=math.inf)
"""When what is asked here must be over, on the monotonic clock."""


class TooLong(RequestException):
    """An answer of more than ``MOST_BYTES``."""


class BoundedSession(Session):
    """Asks so that all is over within ``total_s`` seconds: connecting, the answer's head and body, and redirections.

    Only a name that resolves slowly, or to many addresses that are silent, may take longer.

    Raises (whatever asks):
        ReadTimeout: the answer did not end in time.
        TooLong: it is longer than ``most_bytes``.
    """

    def __init__(self, total_s: float, *, most_bytes: int = MOST_BYTES, retry: Retry | int = 0) -> None:
        super().__init__()
        self._total_s = total_s
        self.adapter = _Adapter(most_bytes, retry)
        for scheme in ("http://", "https://"):
            self.mount(scheme, self.adapter)

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        """Send a request; those that follow from it, within the same time."""
        if _until.get() < math.inf:
            return super().send(request, **options)
        token = _until.set(time.monotonic() + self._total_s)
        try:
            return super().send(request, **options)
        finally:
            _until.reset(token)


class _Adapter(HTTPAdapter):
    """Reads the answer at once, and no more than so much of it."""

    def __init__(self, most_bytes: int, retry: Retry | int) -> None:
        self._most_bytes = most_bytes
        super().__init__(max_retries=retry)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        _read_in_time(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return _read_in_time(super().proxy_manager_for(proxy, **options))

    def build_response(self, req: PreparedRequest, resp: BaseHTTPResponse) -> Response:
        """Make the answer, wholly read."""
        response = super().build_response(req, resp)
        try:
            response._content = self._body(response)  # noqa: SLF001  # as its own `content` does
        except BaseException:
            response.close()
            raise
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
        return response

    def _body(self, response: Response) -> bytes:
        parts, size = [], 0
        while part := _read(response):
            parts.append(part)
            size += len(part)
            if size > self._most_bytes:
                raise TooLong(f"more than {self._most_bytes} bytes", response=response)
        return b"".join(parts)


def _read(response: Response) -> bytes:
    """What has come, waiting for some of it; nothing at the end."""
    try:
        part: bytes = response.raw.read1(_PART, decode_content=True)
    except ReadTimeoutError as error:
        raise ReadTimeout(error, response=response) from error
    except ProtocolError as error:
        raise ChunkedEncodingError(error, response=response) from error
    except HTTPError as error:
        raise ContentDecodingError(error, response=response) from error
    return part


class _InTime(io.RawIOBase):
    """What comes by a socket until the time is over; between two pieces at most as long as the socket waits."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._until, self._silence, self._socket = _until.get(), connection.gettimeout(), connection
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for all of the answer is over")
        if left == math.inf:
            return self._raw.readinto(buffer)
        self._socket.settimeout(left if self._silence is None else min(left, self._silence))
        try:
            return self._raw.readinto(buffer)
        finally:
            self._socket.settimeout(self._silence)  # the connection may be used again

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer of which the head, too, must come in time."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_InTime(sock), _PART)


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _read_in_time(manager: PoolManager) -> PoolManager:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return manager
