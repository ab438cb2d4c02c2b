"""Deletes old sets, and the snapshots of Redis and configurations that nothing which stays refers to.

Backups of MongoDB go first, by the same policy (``retention``). The list of erasures is never shortened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from monitor import clock
from monitor.backup import documents, sets
from monitor.backup.backup_store import BackupStore
from monitor.backup.manifest import begun
from monitor.backup.policy import Candidate, Policy, deletable
from monitor.backup.sets import BackupSet
from monitor.store import Store

MANIFEST = "manifest.json"
FOLDERS = ("redis", "configuration")


def prune(
    home: BackupStore, policy: Policy, *, verified: frozenset[str] = frozenset(), dry_run: bool = False
) -> tuple[str, ...]:
    """Keep of sets and of each kind what the policy keeps of backups, and what a set that stays needs; delete the rest.

    A set goes with its backup of MongoDB: it cannot bring its instant back any more. Returns what went, as
    ``redis/<id>``. What a killed run left without a manifest goes once a newer one is whole.

    Raises:
        Damaged: a set that stays cannot be read, so that what it needs is not known: nothing is deleted.
        Unavailable, Busy: the store does not answer, or another process writes to it.
    """
    with home.exclusive("backup set --prune"):
        known, there = sets.ids(home.depot), frozenset(home.ids())
        old = _old({f"{sets.PREFIX}{one}" for one in known}, policy, frozenset())
        stay = {one: _read(home, one) for one in known if f"{sets.PREFIX}{one}" not in old}
        torn = {
            one for one, found in stay.items() if one != known[-1] and found.mongodb and found.mongodb.id not in there
        }
        needed = {name for one, found in stay.items() if one not in torn for name in _parts(found)}
        gone = [f"{sets.PREFIX}{one}.json" for one in known if one not in stay or one in torn]
        keys = {folder: home.stored.keys(f"{folder}/") for folder in FOLDERS}
        for folder in FOLDERS:
            gone += [one for one in _gone(keys[folder], policy, verified) if one not in needed]
        if not dry_run:
            for one in gone:
                _remove(home, one, keys)
        return tuple(gone)


def verified_snapshots(store: Store) -> frozenset[str]:
    """Return the snapshots of Redis whose verification passed, as this monitor remembers."""
    return frozenset(str(one.body["backup"]) for one in store.records("redis") if one.body.get("outcome") == "passed")


def _read(home: BackupStore, set_id: str) -> BackupSet:
    return documents.read(home.depot, f"{sets.PREFIX}{set_id}.json", BackupSet)[0]


def _parts(found: BackupSet) -> Iterator[str]:
    for folder, part in (("redis", found.redis), ("configuration", found.configuration)):
        if part is not None:
            yield f"{folder}/{part.id}"


def _gone(keys: list[str], policy: Policy, verified: frozenset[str]) -> list[str]:
    """What the policy does not keep, nor is perhaps being written now."""
    whole = {key.removesuffix(f"/{MANIFEST}") for key in keys if key.count("/") == 2 and key.endswith(MANIFEST)}  # noqa: PLR2004  # folder/id/manifest.json
    if not whole:
        return []
    there = {"/".join(key.split("/")[:2]) for key in keys}
    broken = {one for one in there - whole if one < max(whole)}
    return sorted(broken | _old(whole, policy, verified))


def _old(names: set[str], policy: Policy, verified: frozenset[str]) -> set[str]:
    """What of ``<folder>/<id>`` the policy lets go."""
    candidates = []
    for name in names:
        one = name.partition("/")[2]
        with suppress(ValueError):  # it has a name that we do not give, so it is not ours to remove
            candidates.append(Candidate(id=name, at=begun(one), verified=one in verified))
    return set(deletable(candidates, policy, clock.now()))


def _remove(home: BackupStore, one: str, keys: dict[str, list[str]]) -> None:
    """First it stops being one, then its files go: killed in between, it is a leftover."""
    if one.startswith(sets.PREFIX):
        home.stored.delete(one)
        return
    mine = [key for key in keys[one.partition("/")[0]] if key.startswith(f"{one}/")]
    for key in sorted(mine, key=lambda key: key != f"{one}/{MANIFEST}"):
        home.stored.delete(key)
