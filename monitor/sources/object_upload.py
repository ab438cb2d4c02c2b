"""Uploads of objects that are too large to be held in memory: in parts, two at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

PART = 8 * 1024 * 1024
GROWS_AFTER = 1000
"""S3 takes 10,000 parts: parts double in size after each thousand, so that 8 TB fit and 8 GB come in small ones."""
AT_ONCE = 2


def parts(content: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream into parts of a size that S3 takes; nothing for an empty one."""
    size, number = PART, 0
    gathered = bytearray()
    for chunk in content:
        gathered += chunk
        while len(gathered) >= size:
            yield bytes(gathered[:size])
            del gathered[:size]
            number += 1
            if number % GROWS_AFTER == 0:
                size *= 2
    if gathered:
        yield bytes(gathered)


class Upload:
    """One upload. Leaving it unfinished gives it up, so that no part of it is paid for."""

    def __init__(self, client: Any, target: dict[str, str], lock: dict[str, Any], upload_id: str) -> None:
        self._client = client
        self._target = target
        self._lock = lock
        self._upload = target | {"UploadId": upload_id}
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="upload")
        self._waiting: deque[Future[dict[str, Any]]] = deque()
        self._sent: list[dict[str, Any]] = []
        self._number = 0
        self._bytes = 0
        self._finished = False

    @classmethod
    def begin(cls, client: Any, target: dict[str, str], lock: dict[str, Any]) -> Self:
        """Ask the server for an upload."""
        begun = client.create_multipart_upload(ChecksumAlgorithm="SHA256", **target, **lock)
        return cls(client, target, lock, begun["UploadId"])

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give up what was not finished."""
        self._pool.shutdown(cancel_futures=True)
        if not self._finished:
            # What made it fail is being told. Storage that does not even take this forgets the parts by a lifecycle
            # rule, or when old backups are pruned.
            with suppress(BotoCoreError, ClientError):
                self._client.abort_multipart_upload(**self._upload)

    def send(self, part: bytes) -> None:
        """Send a part; waits while as many are on their way as may be."""
        self._number += 1
        self._bytes += len(part)
        self._waiting.append(self._pool.submit(self._send, self._number, part))
        if len(self._waiting) > AT_ONCE:
            self._sent.append(self._waiting.popleft().result())

    def finish(self) -> int:
        """Make the parts one object, and return its size."""
        self._sent += [future.result() for future in self._waiting]
        done = self._client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": self._sent})
        self._finished = True
        if self._lock:
            # Said when the upload began, too; not every store holds to that.
            version = {"VersionId": done["VersionId"]} if "VersionId" in done else {}
            until = {"Mode": self._lock["ObjectLockMode"], "RetainUntilDate": self._lock["ObjectLockRetainUntilDate"]}
            self._client.put_object_retention(**self._target, **version, Retention=until)
        return self._bytes

    def _send(self, number: int, part: bytes) -> dict[str, Any]:
        answer = self._client.upload_part(**self._upload, PartNumber=number, Body=part, ChecksumAlgorithm="SHA256")
        told = {"PartNumber": number, "ETag": answer["ETag"]}
        return told | ({"ChecksumSHA256": answer["ChecksumSHA256"]} if "ChecksumSHA256" in answer else {})
