"""Deletes old sets, and the snapshots of Redis and configurations that nothing which stays refers to.

Backups of MongoDB go by their own policy (``retention``). The list of erasures is never shortened.
"""

from __future__ import annotations

from collections.abc import Iterator

from monitor.backup import documents, sets
from monitor.backup.backup_store import BackupStore
from monitor.backup.sets import BackupSet
from monitor.errors import InputError

MANIFEST = "manifest.json"
FOLDERS = ("redis", "configuration")


def prune(
    home: BackupStore, keep: int, *, verified: frozenset[str] = frozenset(), dry_run: bool = False
) -> tuple[str, ...]:
    """Keep the newest ``keep`` sets and of each kind the newest ``keep``, and the newest verified one; delete the rest.

    Returns what went, as ``redis/<id>``. What a killed run left without a manifest goes once a newer one is whole.

    Raises:
        Damaged: a set that stays cannot be read, so that what it needs is not known: nothing is deleted.
        InputError: fewer than one is to be kept.
        Unavailable, Unsafe: the store does not answer, or another process writes to it.
    """
    if keep < 1:
        raise InputError("at least one of each kind is kept")
    with home.exclusive("backup set --prune"):
        known = sets.ids(home.depot)
        needed = {name for set_id in known[-keep:] for name in _parts(home, set_id)}
        gone = [f"{sets.PREFIX}{set_id}.json" for set_id in known[:-keep]]
        keys = {folder: home.stored.keys(f"{folder}/") for folder in FOLDERS}
        for folder in FOLDERS:
            gone += [one for one in _old(keys[folder], keep, verified) if one not in needed]
        if not dry_run:
            for one in gone:
                _remove(home, one, keys)
        return tuple(gone)


def _parts(home: BackupStore, set_id: str) -> Iterator[str]:
    found, _ = documents.read(home.depot, f"{sets.PREFIX}{set_id}.json", BackupSet)
    for folder, part in (("redis", found.redis), ("configuration", found.configuration)):
        if part is not None:
            yield f"{folder}/{part.id}"


def _old(keys: list[str], keep: int, verified: frozenset[str]) -> list[str]:
    """What is not among the newest whole ones, nor the newest that was verified, nor perhaps being written now."""
    whole = sorted(key.removesuffix(f"/{MANIFEST}") for key in keys if key.count("/") == 2 and key.endswith(MANIFEST))  # noqa: PLR2004  # folder/id/manifest.json
    if not whole:
        return []
    stays = {*whole[-keep:], *[one for one in whole if one.partition("/")[2] in verified][-1:]}
    there = sorted({"/".join(key.split("/")[:2]) for key in keys})
    return [one for one in there if one not in stays and one < whole[-1]]


def _remove(home: BackupStore, one: str, keys: dict[str, list[str]]) -> None:
    """First it stops being one, then its files go: killed in between, it is a leftover."""
    if one.startswith(sets.PREFIX):
        home.stored.delete(one)
        return
    mine = [key for key in keys[one.partition("/")[0]] if key.startswith(f"{one}/")]
    for key in sorted(mine, key=lambda key: key != f"{one}/{MANIFEST}"):
        home.stored.delete(key)
