"""Object storage that speaks S3: whole objects below a prefix of a bucket, every call with a deadline.

An object is there when its last byte was taken, or not at all: that is how S3 works, for multipart uploads too. What is
sent carries a SHA-256 that the server checks. No exception text of the library reaches the user, for it may quote what
was signed; no key of an identity is ever part of a message.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import INTERNAL_SERVER_ERROR, PARTIAL_CONTENT, TOO_MANY_REQUESTS
from typing import Any, Literal, cast

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # the library's own name, used once below
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from urllib3.exceptions import HTTPError

from monitor import clock
from monitor.addresses import check_key
from monitor.errors import InputError, SettingsError, Unavailable
from monitor.sources.object_upload import Upload, parts

CHUNK = 1024 * 1024
PAGE = 1000
"""As many keys as S3 lists at a time."""
CHUNK_DEADLINE_S = 60.0
"""A stream that takes longer for one chunk (17 kB/s) is held to be broken, however often a byte of it comes."""
RESUMES = 2
"""How often a broken stream is taken up again where it ended."""

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]

_ABSENT = {"NoSuchKey", "404", "NotFound"}
_LOGIN = {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}
_CONDITION = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}


class Contested(Exception):  # noqa: N818  # reads as the sentence it is
    """An object that was to be written only if nobody else had, was written by somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A small object: ``tag`` names its version, ``age`` is since it was written, both told by the server's clock."""

    content: bytes
    tag: str
    age: timedelta


class S3Depot:
    """Objects below ``prefix`` (empty, or ending with ``/``) of a bucket.

    ``locked_for``: how long the bucket's object lock keeps each version from being removed, counted from its upload.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        prefix: str = "",
        *,
        locked_for: timedelta | None = None,
        lock_mode: LockMode = "GOVERNANCE",
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._locked_for = locked_for
        self._lock_mode = lock_mode

    @property
    def name(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def put(self, key: str, content: Iterable[bytes]) -> int:
        """Upload an object: at once if it fits into one part, else in parts, which are given up if anything fails."""
        target = self._target(key)
        stream = parts(content)
        first = next(stream, b"")
        second = next(stream, None)
        if second is None:
            with self._plain_words("writing", key):
                self._client.put_object(Body=first, ChecksumAlgorithm="SHA256", **target, **self._lock())
            return len(first)
        with self._plain_words("writing", key):
            upload = Upload.begin(self._client, target, self._lock())
        with upload, self._plain_words("writing", key):
            for part in (first, second):
                upload.send(part)
            del first, second, part
            for part in stream:
                upload.send(part)
            return upload.finish()

    def get(self, key: str) -> Iterator[bytes]:
        """Read an object; a stream that breaks is taken up again a few times.

        Raises:
            KeyError: there is none of that key.
        """
        with self._plain_words("reading", key):
            response = self._client.get_object(**self._target(key))
        self._refuse_a_stranger(key, response, {"ContentLength", "ETag"})
        return self._stream(key, response, int(response["ContentLength"]), response["ETag"])

    def keys(self, prefix: str = "") -> list[str]:
        """List the bucket, a thousand at a time."""
        return sorted(self.sizes(prefix))

    def sizes(self, prefix: str = "") -> Mapping[str, int]:
        """List the bucket, with sizes."""
        found: dict[str, int] = {}
        with self._plain_words("listing"):
            pages = self._client.get_paginator("list_objects_v2")
            size = {"PageSize": PAGE}
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix, PaginationConfig=size):
                for row in page.get("Contents", ()):
                    found[row["Key"].removeprefix(self._prefix)] = int(row["Size"])
        return found

    def delete(self, key: str) -> None:
        """Remove an object. In a bucket with versions that hides it; a lifecycle rule then ends the old version."""
        with self._plain_words("deleting", key):
            self._client.delete_object(**self._target(key))

    def give_up_uploads(self, prefix: str) -> int:
        """End uploads in parts that nobody will finish, and return how many there were."""
        with self._plain_words("ending uploads"):
            pages = self._client.get_paginator("list_multipart_uploads")
            found = [
                {"Bucket": self._bucket, "Key": row["Key"], "UploadId": row["UploadId"]}
                for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
                for row in page.get("Uploads", ())
            ]
            for upload in found:
                self._client.abort_multipart_upload(**upload)
        return len(found)

    def get_tagged(self, key: str) -> Tagged | None:
        """Read a small object with its version; ``None`` if there is none."""
        try:
            with self._plain_words("reading", key):
                response = self._client.get_object(**self._target(key))
                self._refuse_a_stranger(key, response, {"LastModified", "ETag"})
                content = response["Body"].read()
        except KeyError:
            return None
        now: datetime = clock.from_http(response["ResponseMetadata"]["HTTPHeaders"]["date"])
        return Tagged(content=content, tag=response["ETag"], age=now - response["LastModified"])

    def put_if(self, key: str, content: bytes, tag: str | None) -> str:
        """Write a small object if it is still of the version ``tag`` (``None``: if there is none); returns the new one.

        Raises:
            Contested: it is not.
        """
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with self._plain_words("writing", key):
            response = self._client.put_object(
                Body=content, ChecksumAlgorithm="SHA256", **self._target(key), **condition
            )
        return cast("str", response["ETag"])

    def _target(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + check_key(key)}

    def _lock(self) -> dict[str, Any]:
        if not self._locked_for:
            return {}
        return {"ObjectLockMode": self._lock_mode, "ObjectLockRetainUntilDate": clock.now() + self._locked_for}

    def _refuse_a_stranger(self, key: str, response: Mapping[str, Any], needed: set[str]) -> None:
        """Tell an answer that lacks what every object has from one that says that there is none."""
        if not needed <= response.keys():
            raise Unavailable(f"reading {key}: {self.name} answers as no object storage does: is a proxy in between?")

    def _stream(self, key: str, response: Any, total: int, tag: str) -> Iterator[bytes]:
        done = 0
        broken: Exception | None = None
        for resumed in range(RESUMES + 1):
            if resumed:
                response = self._rest(key, done, tag)
            try:
                for chunk in _chunks(response["Body"]):
                    done += len(chunk)
                    yield chunk
            except (HTTPError, OSError) as error:
                broken = error
            # A connection that is closed too early ends a body without an error.
            if done >= total:
                return
        raise Unavailable(f"reading {key}: {self.name} broke off, {done} of {total} bytes came") from broken

    def _rest(self, key: str, done: int, tag: str) -> Any:
        """Read an object from an offset on."""
        try:
            with self._plain_words("reading", key):
                response = self._client.get_object(**self._target(key), Range=f"bytes={done}-", IfMatch=tag)
        except Contested as error:
            raise Unavailable(f"reading {key}: it was written anew in {self.name} meanwhile") from error
        if done and response["ResponseMetadata"]["HTTPStatusCode"] != PARTIAL_CONTENT:
            raise Unavailable(f"reading {key}: {self.name} broke off, and does not give the rest alone")
        return response

    @contextmanager
    def _plain_words(self, doing: str, key: str = "") -> Iterator[None]:
        """Tell what went wrong in one sentence."""
        what = f"{doing} {key or self.name}".rstrip()
        try:
            yield
        except ClientError as error:
            raise self._refusal(what, key if doing == "reading" else "", error) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise SettingsError(f"{what}: no identity is set for {self.name}: name its credentials file") from error
        except (HTTPClientError, ConnectionError, HTTPError) as error:
            raise Unavailable(f"{what}: {self.name} does not answer ({type(error).__name__})") from error
        except BotoCoreError as error:
            raise InputError(f"{what}: {self.name} cannot be used ({type(error).__name__})") from error

    def _refusal(self, what: str, key: str, error: ClientError) -> Exception:
        """Return what to raise; ``key`` is what was to be read, empty where nothing was."""
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _ABSENT and key:
            return KeyError(key)
        if code in _CONDITION:
            return Contested(what)
        if code in _LOGIN:
            return InputError(f"{what}: {self.name} refuses this identity ({code})")
        if code == "NoSuchBucket":
            return InputError(f"{what}: there is no bucket {self._bucket}")
        if status >= INTERNAL_SERVER_ERROR or status == TOO_MANY_REQUESTS or code in {"SlowDown", "RequestTimeout"}:
            return Unavailable(f"{what}: {self.name} cannot answer now ({code or status})")
        return InputError(f"{what}: {self.name} refuses ({code or status})")


def _chunks(body: Any) -> Iterator[bytes]:
    """Yield chunks as they come, none later than its deadline.

    The library's own reading waits for a whole chunk, however slowly its bytes drip: only the stream below it says what
    is there already.
    """
    raw = body._raw_stream  # noqa: SLF001  # see above
    with body:
        gathered, begun = bytearray(), time.monotonic()
        while piece := raw.read1(CHUNK):
            gathered += piece
            if len(gathered) >= CHUNK:
                yield bytes(gathered)
                gathered, begun = bytearray(), time.monotonic()
            elif time.monotonic() - begun > CHUNK_DEADLINE_S:
                raise TimeoutError
        if gathered:
            yield bytes(gathered)
