"""Object storage that ends too early, goes on in the wrong place, or is none: told, and never taken for absent."""

from __future__ import annotations

import io
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from monitor.backup import lease
from monitor.errors import InputError, Unavailable
from monitor.sources.object_storage import RESUMES, S3Depot, Tagged

WHOLE = b"0123456789"


class Body(nullcontext[None]):
    """What the library hands over, as far as it is used."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._raw_stream = io.BytesIO(content)


class Store:
    """Storage that closes each connection after ``gives`` bytes; ``status`` is what it answers with."""

    def __init__(self, gives: list[int], status: int = 206) -> None:
        self.asked = 0
        self._gives = gives
        self._status = status

    def get_object(self, Range: str = "bytes=0-", **_: Any) -> dict[str, Any]:  # noqa: N803  # the library's name
        gives = self._gives[min(self.asked, len(self._gives) - 1)]
        self.asked += 1
        begin = int(Range.removeprefix("bytes=").removesuffix("-")) if self._status == 206 else 0
        metadata = {"HTTPStatusCode": self._status}
        body = Body(WHOLE[begin : begin + gives])
        return {"ContentLength": len(WHOLE), "ETag": "x", "Body": body, "ResponseMetadata": metadata}


def test_a_stream_that_ends_too_early_is_taken_up_where_it_ended() -> None:
    assert b"".join(S3Depot(Store([4, 3, 3]), "bucket").get("x")) == WHOLE


def test_one_that_never_comes_to_its_end_is_told_after_a_few_tries() -> None:
    store = Store([4, 0])
    with pytest.raises(Unavailable, match="broke off, 4 of 10 bytes came"):
        list(S3Depot(store, "bucket").get("x"))
    assert store.asked == 1 + RESUMES


def test_storage_that_begins_anew_is_not_put_behind_what_came() -> None:
    with pytest.raises(Unavailable, match="does not give the rest"):
        list(S3Depot(Store([4, 10], status=200), "bucket").get("x"))


def test_what_is_no_object_storage_is_not_taken_for_a_missing_object() -> None:
    """Else a proxy's page would make every backup one without a manifest, which pruning may delete."""

    class Proxy:
        def get_object(self, **_: Any) -> dict[str, Any]:
            return {"Body": Body(b"<html>"), "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}}}

    for read in (S3Depot(Proxy(), "bucket").get, S3Depot(Proxy(), "bucket").get_tagged):
        with pytest.raises(Unavailable, match="as no object storage does"):
            read("x")


@pytest.mark.parametrize(("status", "kind"), [(404, InputError), (429, Unavailable), (503, Unavailable)])
def test_a_listing_that_is_refused_is_told(status: int, kind: type[Exception]) -> None:
    class Refusing:
        def get_paginator(self, _: str) -> Any:
            told = {"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(told, "ListObjectsV2")  # type: ignore[arg-type]  # all that is looked at

    with pytest.raises(kind, match="listing s3://bucket"):
        S3Depot(Refusing(), "bucket").keys()


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"5", b'{"held_for_s": "x"}'])
def test_a_lease_that_cannot_be_read_is_somebody_elses(content: bytes) -> None:
    assert lease._holder(Tagged(content=content, tag="", age=timedelta(0))) == "somebody else"  # pure
