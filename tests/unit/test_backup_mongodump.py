"""What a directory of mongodump's holds, whoever wrote it: nothing is left out, and nothing is mistaken for another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bson import encode

from monitor.backup import dumpformat
from monitor.backup.mongodump import DumpError, fingerprint, read_dump


def dump(root: Path, *, text: str = "x") -> Path:
    folder = root / "shop"
    folder.mkdir(parents=True)
    described = dumpformat.metadata(name="orders", kind="collection", uuid="", options={"capped": True}, indexes=[])
    (folder / "orders.metadata.json").write_bytes(described)
    (folder / "orders.bson").write_bytes(encode({"_id": 1, "text": text}))
    return root


def test_documents_that_nobody_describes_are_a_collection_without_options(tmp_path: Path) -> None:
    folder = dump(tmp_path) / "shop"
    (folder / "a%2Fb+c.bson").write_bytes(encode({"_id": 1}))
    (folder / "$admin.system.users.bson").write_bytes(b"")
    found = {one.namespace: (one.options, one.data) for one in read_dump(tmp_path)}
    assert found == {
        "shop.orders": ({"capped": True}, folder / "orders.bson"),
        "shop.a/b c": ({}, folder / "a%2Fb+c.bson"),
    }


@pytest.mark.parametrize("content", [b"{", b'{"options":5}', b'{"collectionName":"\\ud800"}'])
def test_what_is_no_metadata_is_told_with_its_place(content: bytes, tmp_path: Path) -> None:
    file = dump(tmp_path) / "shop" / "orders.metadata.json"
    file.write_bytes(content)
    with pytest.raises(DumpError, match=f"{file}: it cannot be read as metadata"):
        read_dump(tmp_path)


def test_two_dumps_of_one_database_are_told_apart_wherever_they_lie(tmp_path: Path) -> None:
    monday, tuesday = (dump(tmp_path / day / "dump", text=day[0]) for day in ("monday", "tuesday"))
    assert fingerprint(read_dump(monday), None) == fingerprint(read_dump(monday), None)
    os.utime(tuesday / "shop" / "orders.bson", (1, 1))
    assert fingerprint(read_dump(monday), None) != fingerprint(read_dump(tuesday), None)
