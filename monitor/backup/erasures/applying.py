"""What is done with the list after a restore, before anybody else is let in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from monitor.backup.erasures.chain import Erasure
from monitor.sources.mongodb import Client, one_sentence

AT_ONCE = 1000

Eraser = Callable[[Sequence[str]], Mapping[str, int]]
"""The application's own command: erases everything about subjects, and counts what it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was erased: ``removed`` documents of the list's own collections, and what the application says it did."""

    erasures: int
    removed: int
    application: dict[str, int] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As the store and ``--json`` have it."""
        return {"erasures": self.erasures, "removed": self.removed, "application": self.application}


def apply(client: Client, erasures: Sequence[Erasure], *, eraser: Eraser | None = None, eraser_of: str = "") -> Applied:
    """Erase every subject of the list from a restored server. Who is not there is no error; may be repeated.

    ``eraser`` is handed the subjects in ``eraser_of`` (``database.collection``): only the application knows what else
    there is about them. After it, the documents that the list names are deleted here, so that they are gone even where
    the application has no such command.

    Raises:
        Unavailable: the server does not answer or refuses, or the application's command failed.
    """
    present = sum(len(ids) for _, ids in _there(client, erasures))
    told: Mapping[str, int] = {}
    subjects = [erasure.subject.id for erasure in erasures if erasure.subject.namespace == eraser_of]
    if eraser is not None and subjects:
        told = eraser(subjects)
    for namespace, ids in _there(client, erasures):
        database, _, collection = namespace.partition(".")
        with one_sentence("applying erasures", "the restored server"):
            client[database][collection].delete_many({"_id": {"$in": ids}})
    return Applied(erasures=len(erasures), removed=present, application=dict(told))


def still_there(client: Client, erasures: Sequence[Erasure]) -> tuple[Erasure, ...]:
    """Return the erasures whose subject is in a server after all: none may be, once the list was applied.

    Raises:
        Unavailable: the server does not answer.
    """
    back = {(namespace, str(one)) for namespace, ids in _there(client, erasures) for one in ids}
    return tuple(one for one in erasures if (one.subject.namespace, one.subject.id) in back)


def _there(client: Client, erasures: Sequence[Erasure]) -> Iterator[tuple[str, list[object]]]:
    """The subjects that a server has, by namespace, some at a time."""
    wanted: dict[str, list[object]] = {}
    for erasure in erasures:
        wanted.setdefault(erasure.subject.namespace, []).extend(_spellings(erasure.subject.id))
    for namespace, ids in wanted.items():
        database, _, collection = namespace.partition(".")
        for first in range(0, len(ids), AT_ONCE):
            among = {"_id": {"$in": ids[first : first + AT_ONCE]}}
            with one_sentence("looking for erased subjects", "the restored server"):
                found = [row["_id"] for row in client[database][collection].find(among, {"_id": 1})]
            if found:
                yield namespace, found


def _spellings(subject: str) -> list[object]:
    """What the list holds as text may be an ObjectId or a whole number in the collection."""
    spelled: list[object] = [subject]
    if ObjectId.is_valid(subject):
        spelled.append(ObjectId(subject))
    if subject.isascii() and subject.isdecimal() and int(subject) < 1 << 63:
        spelled.append(int(subject))
    return spelled
