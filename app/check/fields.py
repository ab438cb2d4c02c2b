"""Whether the patient fields can be read with the field key, and by nobody without it.

The driver decrypts whole answers in its C library, a thousand documents at a time. Only where one of them fails are
halves of it read, until the documents are known that cannot be opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from pymongo.database import Database
from pymongo.encryption_options import AutoEncryptionOpts
from pymongo.errors import AutoReconnect, EncryptionError

from app.check.result import Result, judged
from app.encryption import KEY_VAULT
from app.settings import Settings, read_field_key
from app.tools import Document

NAME = "patient-fields"
FIELDS = {"patients": ("name", "email", "birthDate"), "users": ("email",)}
"""The encrypted fields of each collection."""

AT_ONCE = 1000
LOCATED = 20
"""So many documents are named that cannot be opened; then the key is wrong: looking on would tell no more."""


def decryption(field_key_file: Path) -> AutoEncryptionOpts:
    """Return what makes a client decrypt, and never encrypt.

    Raises:
        SettingsError: the file cannot be read, or holds no key of this kind.
    """
    key = read_field_key(Settings(field_key_file=field_key_file))
    return AutoEncryptionOpts({"local": {"key": key}}, ".".join(KEY_VAULT), bypass_auto_encryption=True)


def skipped() -> Result:
    """The result where no key was given."""
    return Result(name=NAME, outcome="skipped", reason="no field key was given: whether it opens them is not known")


def check(plain: Database[Document], decrypting: Database[Document]) -> Result:
    """Open every encrypted field; ``decrypting`` is of a client made with ``decryption``.

    Raises:
        PyMongoError: MongoDB cannot be reached.
    """
    unreadable: list[object] = []
    checked = 0
    for collection, names in FIELDS.items():
        uncovered = {"$or": [{name: {"$not": {"$type": "binData"}}} for name in names]}
        unreadable += [row["_id"] for row in plain[collection].find(uncovered, {"_id": 1})]
        for ids in _batches(plain[collection].find({}, {"_id": 1}).sort("_id")):
            unreadable += _unreadable(decrypting, collection, ids)
            checked += len(ids)
            if len(unreadable) >= LOCATED:
                return judged(
                    NAME, checked, unreadable, "at least these cannot be opened, or lie open; none was sought on"
                )
    return judged(NAME, checked, unreadable, "they cannot be opened with this key, or lie open")


def _unreadable(data: Database[Document], collection: str, ids: Sequence[object]) -> list[object]:
    """Return those among ``ids`` (sorted) that cannot be decrypted, ``LOCATED`` at most."""
    names = FIELDS[collection]
    among = {"_id": {"$gte": ids[0], "$lte": ids[-1]}}
    try:
        rows = list(data[collection].find(among, dict.fromkeys(names, 1), batch_size=AT_ONCE))
    except EncryptionError as error:
        if isinstance(error.cause, AutoReconnect):
            raise error.cause from error
        if len(ids) == 1:
            return list(ids)
        middle = len(ids) // 2
        found = _unreadable(data, collection, ids[:middle])
        return found if len(found) >= LOCATED else found + _unreadable(data, collection, ids[middle:])
    # What was not decrypted is still binary: another subtype, nothing of ours.
    return [row["_id"] for row in rows if not all(isinstance(row.get(name), str) for name in names)]


def _batches(rows: Iterator[Document]) -> Iterator[list[object]]:
    ids = (row["_id"] for row in rows)
    while batch := list(islice(ids, AT_ONCE)):
        yield batch
