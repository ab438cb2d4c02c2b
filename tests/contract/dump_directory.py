"""A directory as stock mongodump writes it, made by hand."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from bson import Int64, encode
from bson.binary import Binary
from bson.timestamp import Timestamp

from monitor.backup import dumpformat


def dump_directory(root: Path, *, zipped: bool) -> Path:
    """What ``mongodump --oplog`` leaves of a database under load, with its oplog."""

    def write(name: str, content: bytes) -> None:
        plain = name == "oplog.bson" or not zipped
        file = root / (name if plain else f"{name}.gz")
        file.parent.mkdir(parents=True, exist_ok=True)
        # Of two members, as Go writes a stream that was flushed; and the oplog is packed under its own name.
        half = len(content) // 2
        packed = gzip.compress(content[:half]) + gzip.compress(content[half:])
        file.write_bytes(packed if zipped else content)

    by_id = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
    write("prelude.json", dumpformat.prelude("6.0.5", "100.9.4"))
    for name, kind, options, indexes in (
        ("orders", "collection", {}, [by_id, {"v": 2, "key": {"n": 1}, "name": "n_1", "unique": True}]),
        ("few", "view", {"viewOn": "orders", "pipeline": [{"$match": {"n": {"$lt": 3}}}]}, []),
    ):
        described = dumpformat.metadata(name=name, kind=kind, uuid="ab" * 16, options=options, indexes=indexes)
        write(f"shop/{name}.metadata.json", described)
    rows = [{"_id": n, "n": n, "text": "before"} for n in range(5)]
    # Read over a while: one moved on while it was read, and stands there twice.
    write("shop/orders.bson", b"".join(map(encode, [*rows, {"_id": 2, "n": 2, "text": "twice"}])))
    ui, at = Binary(b"\x01" * 16, 4), iter(range(1, 100))

    def entry(op: str, ns: str, o: dict[str, Any], **more: Any) -> bytes:
        return encode(
            {"op": op, "ns": ns, "ui": ui, "o": o, "ts": Timestamp(9, next(at)), "t": Int64(1), "v": Int64(2), **more}
        )

    oplog = [
        entry("n", "", {"msg": "periodic noop"}),
        entry("i", "shop.orders", {"_id": 3, "n": 3, "text": "known"}),
        entry("u", "shop.orders", {"$v": 2, "diff": {"u": {"text": "gone before it was read"}}}, o2={"_id": 77}),
        entry("d", "shop.orders", {"_id": 77}),
        entry("u", "shop.orders", {"$v": 2, "diff": {"u": {"text": "after"}}}, o2={"_id": 2}),
        entry("i", "shop.dropped", {"_id": 1}),
        entry("c", "shop.$cmd", {"drop": "dropped"}),
        entry("c", "shop.$cmd", {"create": "new", "idIndex": {**by_id, "ns": "shop.new"}}),
        entry("c", "shop.$cmd", {"createIndexes": "new", "v": 2, "key": {"x": 1}, "name": "x_1"}),
        entry("i", "shop.new", {"_id": 1, "x": 1}),
        entry("c", "shop.$cmd", {"renameCollection": "shop.new", "to": "shop.renamed", "stayTemp": False}),
    ]
    write("oplog.bson", b"".join(oplog))
    return root
