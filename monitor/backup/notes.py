"""What is noted about backups, beside them in the store: how verifications ended, and which somebody wants kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from monitor import clock
from monitor.backup.backup_store import BackupStore
from monitor.backup.depot import Damaged
from monitor.backup.manifest import is_backup_id
from monitor.backup.model import Verification
from monitor.backup.sealed import NoKey
from monitor.store import Store

VERIFICATIONS = "verifications"
MARKS = "marks"
LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the newest verification of a backup that came to a verdict ended.

    ``condemns``: it failed for what is wrong with the backup itself, so that no restore begins with it.
    """

    outcome: str
    at: str
    condemns: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Somebody wants a backup kept, whatever the policy says; or no longer."""

    backup: str
    kept: bool
    who: str
    why: str
    at: str


def note_verdict(home: BackupStore, verdict: Verification) -> None:
    """Write a verdict beside the backups; one that is unknown says nothing about them.

    Raises:
        OSError, InputError, Unavailable: it cannot be written.
    """
    if verdict.outcome != "unknown":
        at, condemns = clock.to_rfc3339(verdict.at), verdict.condemns
        note = {"backup": verdict.backup, "outcome": verdict.outcome, "condemns": condemns, "at": at}
        _write(home, f"{VERIFICATIONS}/{verdict.backup}.json", note)


def verdicts(home: BackupStore, store: Store | None = None) -> dict[str, Verdict]:
    """Return the newest verdict on each backup, as the backup store or the monitor's own one knows it.

    Raises:
        InputError, Unavailable: the store cannot be read.
    """
    found = {
        str(note["backup"]): _verdict(note, str(note["at"]))
        for note in _notes(home, VERIFICATIONS, {"backup", "outcome", "at"})
    }
    for backup_id, verdict in recorded(store, home.name).items():
        if backup_id not in found or _instant(found[backup_id].at) < _instant(verdict.at):
            found[backup_id] = verdict
    return found


def recorded(store: Store | None, place: str) -> dict[str, Verdict]:
    """Return the newest verdict on each backup of a place that the monitor's own store knows."""
    found: dict[str, Verdict] = {}
    for record in store.records("verification") if store is not None else ():
        if record.body.get("outcome") in {"passed", "failed"} and record.body.get("store", place) == place:
            verdict = _verdict(record.body, clock.to_rfc3339(record.at))
            found.setdefault(str(record.body.get("backup")), verdict)
    return found


def _verdict(told: dict[str, Any], at: str) -> Verdict:
    """Read a verdict; one that does not say what it is about condemns its backup."""
    failed = told["outcome"] == "failed"
    return Verdict(str(told["outcome"]), at, failed and told.get("condemns") is not False)


def mark(home: BackupStore, backup_id: str, *, kept: bool, who: str, why: str) -> Mark:
    """Note that a backup is to be kept, or no longer: then too by writing, for the writer may not delete.

    Raises:
        InputError: there is no such backup.
        OSError, Unavailable: it cannot be written.
    """
    home.refuse_unknown(backup_id)
    made = Mark(backup=backup_id, kept=kept, who=who, why=why, at=clock.to_rfc3339(clock.now()))
    _write(home, f"{MARKS}/{backup_id}.json", asdict(made))
    return made


def marks(home: BackupStore) -> dict[str, Mark]:
    """Return who wants which backup kept. A mark that cannot be read counts: it was somebody's wish."""
    found = {
        str(note["backup"]): Mark(**{name: note[name] for name in Mark.__slots__})
        for note in _notes(home, MARKS, set(Mark.__slots__))
    }
    unread = {_named(key) for key in home.stored.keys(f"{MARKS}/")} - {"", *found}
    unreadable = {name: Mark(backup=name, kept=True, who="", why="its mark cannot be read", at="") for name in unread}
    return {name: mark for name, mark in {**unreadable, **found}.items() if mark.kept}


def _write(home: BackupStore, key: str, note: dict[str, Any]) -> None:
    home.depot.put(key, [json.dumps(note, ensure_ascii=False).encode()])


def _notes(home: BackupStore, folder: str, names: set[str]) -> Iterator[dict[str, Any]]:
    """Read what is noted; what cannot be trusted is left out."""
    for key in home.stored.keys(f"{folder}/"):
        try:
            content = bytearray()
            for chunk in home.depot.get(key):
                content += chunk
                if len(content) > LARGEST:
                    break
            note = json.loads(content)
        except (KeyError, OSError, ValueError, RecursionError, Damaged, NoKey):
            continue
        if isinstance(note, dict) and names <= set(note) and note["backup"] == _named(key):
            yield note


def _named(key: str) -> str:
    name = key.rpartition("/")[2].removesuffix(".json")
    return name if is_backup_id(name) else ""


def _instant(text: str) -> datetime:
    try:
        return clock.from_rfc3339(text)
    except ValueError:
        return clock.from_epoch(0)
