"""The bridge from the application: whom it erased at his own wish, it has noted; the list takes that over."""

from __future__ import annotations

from pymongo.read_preferences import PrimaryPreferred

from monitor.backup.erasures.chain import Subject
from monitor.catalogue.model import Recovery
from monitor.errors import InputError
from monitor.sources.mongodb import Client, one_sentence

BY = "application"


def collect(client: Client, recovery: Recovery) -> tuple[list[Subject], str]:
    """Read the notes that ``recovery.yaml`` names; return their subjects, oldest first, and why they are erased.

    Raises:
        InputError: no notes are named, or one is of something else than an opaque id.
        Unavailable: MongoDB does not answer.
    """
    if not (recovery.erasure_notes and recovery.erasure_subjects):
        raise InputError(
            "recovery.yaml names no erasure_notes and erasure_subjects: nothing tells whom the application erased"
        )
    notes_in, _, notes = recovery.erasure_notes.partition(".")
    database, _, collection = recovery.erasure_subjects.partition(".")
    with one_sentence(f"reading {recovery.erasure_notes}", "mongodb_uri"):
        named = client[notes_in].get_collection(notes, read_preference=PrimaryPreferred())
        rows = sorted(named.find({}, {"_id": 1, "at": 1}), key=lambda row: (str(row.get("at")), str(row["_id"])))
    subjects = [Subject(database=database, collection=collection, id=str(row["_id"])) for row in rows]
    return subjects, f"noted in {recovery.erasure_notes}"
