"""The list of erasures where it lies: one object each below ``erasures/`` in a depot, its head in the store as well."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from monitor import clock
from monitor.backup.depot import Depot
from monitor.backup.erasures.chain import LARGEST, Erasure, ErasuresRefused, Head, Sign, Subject, Verify, chained
from monitor.backup.erasures.chain import decode as decode_entry
from monitor.backup.erasures.chain import encode as encode_entry
from monitor.errors import Unavailable
from monitor.store import Store

PREFIX = "erasures/"
KIND: Final = "erasure"
_DIGITS = 8


def key(number: int) -> str:
    """Return the key of an entry; keys sort as entries do."""
    return f"{PREFIX}{number:0{_DIGITS}}.json"


def load(depot: Depot, verify: Verify, anchors: Iterable[Head] = ()) -> tuple[Erasure, ...]:
    """Read the whole list, first entry first.

    Raises:
        ErasuresRefused: it was tampered with, cut off, or an entry is missing.
        Unavailable: the depot does not answer.
    """
    entries = []
    for name in depot.keys(PREFIX):
        text = name.removeprefix(PREFIX).removesuffix(".json")
        if not text.isdecimal() or key(int(text)) != name:
            raise ErasuresRefused(
                f"{name[:100]!r} in {depot.name} is no entry of the list of erasures: it was put there"
            )
        entries.append((int(text), decode_entry(int(text), _read(depot, name), verify)))
    return chained(entries, anchors)


def known_head(store: Store | None) -> Head:
    """Return the newest head that this monitor has noted: what a list must reach at least."""
    newest = store.records(KIND, limit=1) if store is not None else ()
    return Head(number=int(newest[0].id), sha256=str(newest[0].body["sha256"])) if newest else Head()


def add(
    depot: Depot,
    subjects: Sequence[Subject],
    *,
    by: str,
    why: str,
    keys: tuple[Sign, Verify],
    exclusive: AbstractContextManager[object],
    store: Store | None = None,
) -> tuple[Erasure, ...]:
    """Add subjects that are not in the list yet, and return their entries. One process at a time: ``exclusive``.

    Raises:
        ErasuresRefused: the list that is there cannot be trusted; nothing is added to it.
        Unavailable: the depot does not answer, or an entry is in the list but could not be recorded in ``store``.
    """
    sign, verify = keys
    with exclusive:
        entries = load(depot, verify, [known_head(store)])
        known = {entry.subject for entry in entries}
        head = entries[-1].head if entries else Head()
        added = []
        for subject in dict.fromkeys(subjects):
            if subject in known:
                continue
            entry = Erasure(
                number=head.number + 1, at=clock.now(), subject=subject, by=by, why=why, previous=head.sha256
            )
            depot.put(key(entry.number), [encode_entry(entry, sign)])
            head = entry.head
            _record(store, entry)
            added.append(entry)
    return tuple(added)


def _record(store: Store | None, entry: Erasure) -> None:
    if store is None:
        return
    body = {"namespace": entry.subject.namespace, "id": entry.subject.id, "by": entry.by, "sha256": entry.head.sha256}
    try:
        store.put(KIND, f"{entry.number:0{_DIGITS}}", body, at=entry.at)
    except sqlite3.Error as error:
        raise Unavailable(
            f"erasure {entry.number} is in the list, but could not be recorded in {store.path} ({type(error).__name__})"
        ) from error


def _read(depot: Depot, name: str) -> bytes:
    content = b""
    for chunk in depot.get(name):
        content += chunk
        if len(content) > LARGEST:
            raise ErasuresRefused(f"{name} in {depot.name} is larger than any erasure: it was put there")
    return content
