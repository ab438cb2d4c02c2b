"""HTTP answers that end: who sends a byte now and then, or never stops, is given up.

``requests`` limits how long a server may be silent, and neither how long nor how large its whole answer may be.
"""

from __future__ import annotations

import time

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout, RequestException
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

MOST_BYTES = 256 << 20
"""Of one answer. Ten thousand points of a thousand series, at some 25 bytes each, come to about as much."""

_PART = 1 << 16


class TooLong(RequestException):
    """An answer of more than ``MOST_BYTES``."""


class BoundedAdapter(HTTPAdapter):
    """Reads the answer at once: all of it within ``body_s`` seconds after it began, and no more than so much.

    Raises (from a session it is mounted on):
        ReadTimeout: the answer did not end in time.
        TooLong: it is longer than ``most_bytes``.
    """

    def __init__(self, body_s: float, *, most_bytes: int = MOST_BYTES, retry: Retry | int = 0) -> None:
        self._body_s, self._most_bytes = body_s, most_bytes
        super().__init__(max_retries=retry)

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
        until, parts, size = time.monotonic() + self._body_s, [], 0
        while part := _read(response):
            parts.append(part)
            size += len(part)
            if size > self._most_bytes:
                raise TooLong(f"more than {self._most_bytes} bytes", response=response)
            if time.monotonic() > until:
                raise ReadTimeout(f"no end after {self._body_s:g} s", response=response)
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
