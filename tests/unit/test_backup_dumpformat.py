"""mongodump's bytes. The expected ones were written down from mongodump 100.18 and its source, not from our code."""

from __future__ import annotations

import base64
import hashlib
import math

import bson
import pytest
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st

from monitor.backup import dumpformat
from monitor.backup.copying import count_documents


@pytest.mark.parametrize(
    ("collection", "expected"),
    [
        ("appointments", "appointments"),
        ("with space", "with+space"),
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("dots.and_lines-~", "dots.and_lines-~"),
        ("plus+star*", "plus%2Bstar%2A"),
        ("ü日", "%C3%BC%E6%97%A5"),
        ("q\"'()!", "q%22%27%28%29%21"),
        ("system.buckets.series", "system.buckets.series"),
    ],
)
def test_file_names_are_query_escaped(collection: str, expected: str) -> None:
    assert dumpformat.file_name(collection) == expected


def test_a_name_of_238_bytes_is_kept_and_a_longer_one_is_cut_and_marked_by_its_hash() -> None:
    assert dumpformat.file_name("x" * 238) == "x" * 238
    digest = base64.urlsafe_b64encode(hashlib.sha1(b"x" * 239, usedforsecurity=False).digest()).decode()
    expected = "x" * 208 + "%24" + digest.rstrip("=")
    assert dumpformat.file_name("x" * 239) == expected
    assert len(expected) == 238


def test_metadata_of_a_plain_collection() -> None:
    index = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
    written = dumpformat.metadata(name="appointments", kind="collection", uuid="1059ab", options={}, indexes=[index])
    assert written == (
        b'{"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}],"uuid":"1059ab",'
        b'"collectionName":"appointments","type":"collection"}'
    )


def test_metadata_of_a_view_has_an_empty_list_of_indexes_and_no_uuid() -> None:
    options = {"viewOn": "visits", "pipeline": [{"$match": {"n": {"$lt": 1.5}}}]}
    assert dumpformat.metadata(name="v", kind="view", uuid="", options=options, indexes=[]) == (
        b'{"options":{"viewOn":"visits","pipeline":[{"$match":{"n":{"$lt":{"$numberDouble":"1.5"}}}}]},'
        b'"indexes":[],"collectionName":"v","type":"view"}'
    )


def test_values_are_written_in_canonical_form() -> None:
    document = {
        "long": Int64(3),
        "one": 1.0,
        "far": bson.DatetimeMS(2**53),
        "id": bson.ObjectId("0123456789abcdef01234567"),
        "html": "<&>",
        "tab": "\t\x01",
        "line": "\u2028",
        "uml": "ü",
        "re": bson.Regex("^a", "mi"),
        "uuid": bson.Binary(bytes(16), 4),
    }
    assert dumpformat.canonical(document).decode() == (
        '{"long":{"$numberLong":"3"},"one":{"$numberDouble":"1.0"},"far":{"$date":{"$numberLong":"9007199254740992"}},'
        '"id":{"$oid":"0123456789abcdef01234567"},"html":"<&>","tab":"\\t\\u0001","line":"\\u2028","uml":"ü",'
        '"re":{"$regularExpression":{"pattern":"^a","options":"im"}},'
        '"uuid":{"$binary":{"base64":"AAAAAAAAAAAAAAAAAAAAAA==","subType":"04"}}}'
    )


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (-1.0, "-1.0"),
        (0.1, "0.1"),
        (123456.0, "123456.0"),
        (999999.5, "999999.5"),
        (1e6, "1E+06"),
        (-2592000.0, "-2.592E+06"),
        (1e21, "1E+21"),
        (1.7976931348623157e308, "1.7976931348623157E+308"),
        (0.0001, "0.0001"),
        (0.00001, "1E-05"),
        (5e-324, "5E-324"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (float("nan"), "NaN"),
    ],
)
def test_doubles_are_written_as_go_writes_them(number: float, expected: str) -> None:
    assert dumpformat.canonical({"": [number]}).decode() == f'{{"":[{{"$numberDouble":"{expected}"}}]}}'


@given(st.floats())
def test_doubles_come_back_as_they_were(number: float) -> None:
    written = dumpformat.metadata(name="c", kind="collection", uuid="", options={"x": number}, indexes=[])
    back = dumpformat.read_metadata(written)["options"]["x"]
    assert isinstance(back, float)
    assert (str(back), math.copysign(1, back)) == (str(number), math.copysign(1, number)) or math.isnan(number)


def test_the_prelude_names_server_and_tool() -> None:
    assert dumpformat.prelude("6.0.5", "0.1.0") == b'{"ServerVersion":"6.0.5","ToolVersion":"0.1.0"}'


def test_metadata_that_is_read_and_written_again_has_the_same_bytes() -> None:
    written = dumpformat.metadata(
        name="c\u2028",
        kind="timeseries",
        uuid="",
        options={
            "validator": {"z": 1, "a": {"$gt": Int64(2)}},
            "expireAfterSeconds": Int64(5),
            "since": bson.DatetimeMS(1),
        },
        indexes=[{"key": {"b": -1.0, "a": 1}, "name": "n"}],
    )
    read = dumpformat.read_metadata(written)
    again = dumpformat.metadata(
        name=read["collectionName"], kind=read["type"], uuid="", options=read["options"], indexes=read["indexes"]
    )
    assert again == written


def test_an_operator_of_queries_keeps_what_stands_beside_it() -> None:
    """A driver's reading takes ``$regex`` for a regular expression, and drops the rest of the condition."""
    options = {"validator": {"name": {"$regex": "^a", "$options": "i", "$ne": "admin"}, "x": bson.Regex("^b", "i")}}
    written = dumpformat.metadata(name="c", kind="collection", uuid="", options=options, indexes=[])
    assert dumpformat.read_metadata(written)["options"] == options


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"{", b'{"indexes":3}', b'{"a":{"$oid":"zz"}}', b"\xff"),
        *(
            b'{"options":5}',
            b'{"options":null}',
            b'{"indexes":[1]}',
            b'{"indexes":[{"key":{}}]}',
            b'{"collectionName":5}',
        ),
        *(b'{"options":{"x":{"$date":{"$numberLong":"9' + b"9" * 20 + b'"}}}}', b'{"a":{"$numberDecimal":"zz"}}'),
    ],
)
def test_what_is_no_metadata_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no "):
        dumpformat.read_metadata(content)


@pytest.mark.parametrize(
    ("namespace", "dumped"),
    [
        ("appointments.patients", True),
        ("appointments.system.views", False),
        ("appointments.system.buckets.series", False),
        ("appointments.system.js", True),
        ("appointments.odd$name", False),
        ("admin.system.users", True),
        ("admin.system.roles", True),
        ("admin.system.version", True),
        ("admin.system.keys", False),
        ("config.transactions", False),
        ("config.chunks", True),
        ("config.system.sessions", False),
        ("local.oplog.rs", False),
        ("monitor_restore.progress", False),
        ("__mdb_internal_search.x", False),
    ],
)
def test_what_mongodump_skips_is_skipped(namespace: str, dumped: bool) -> None:  # noqa: FBT001  # a table's column
    database, _, collection = namespace.partition(".")
    assert dumpformat.is_dumped(database, collection) is dumped


def test_documents_are_counted_by_their_lengths() -> None:
    batch = b"".join(bson.encode({"_id": number, "text": "x" * number}) for number in range(10))
    assert (count_documents(batch), count_documents(b"")) == (10, 0)
