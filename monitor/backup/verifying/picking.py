"""Finds what a wish means in a store: which backup, which instant, and the slices that lead there."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime

from monitor import clock
from monitor.backup import chains
from monitor.backup.backup_store import BackupStore
from monitor.backup.depot import Damaged
from monitor.backup.manifest import ManifestError
from monitor.backup.model import ClusterTime, Manifest
from monitor.backup.oplog import point
from monitor.backup.oplog.point import Target
from monitor.backup.sealed import NoKey
from monitor.backup.verifying.choice import Choice, Restorable, choose
from monitor.backup.verifying.wish import Wish
from monitor.errors import InputError
from monitor.store import Store


def pick(home: BackupStore, wish: Wish, store: Store | None, exact_at: ClusterTime | None) -> Choice:
    """Return what is to be verified; ``exact_at`` is the instant of the source's reading, where there is one.

    Raises:
        InputError: there is no such backup, or none that reaches so far back.
        Unavailable: the storage does not answer.
    """
    if wish.backup is not None:
        home.refuse_unknown(wish.backup)
    if wish.by_chance:
        found = choose(
            _reaching(home, list(_manifests(home))),
            secrets.randbelow(2**32) if wish.seed is None else wish.seed,
            newest_chosen=_newest_chosen(store, home.name),
            now=clock.now(),
            only=wish.backup,
        )
        # Where no manifest can be read there is nothing to choose from: the newest will say why.
        return found or Choice(backup=wish.backup or home.newest())
    at = exact_at if exact_at is not None else _instant(home, wish.at)
    if wish.backup is not None or at is None:
        backup_id = wish.backup or home.newest()
        return Choice(backup=backup_id, at=at, newest=backup_id == home.newest())
    before = [one for one in _manifests(home) if one.recovery_point <= at]
    if not before:
        raise InputError(f"backup verify: no backup in {home.name} was taken at {point.shown(at)} or before")
    chosen = max(before, key=lambda one: (one.recovery_point, one.id))
    return Choice(backup=chosen.id, at=at, newest=chosen.id == home.newest())


def _instant(home: BackupStore, wanted: Target | None) -> ClusterTime | None:
    if wanted is None:
        return None
    if wanted.point is not None:
        return wanted.point
    if wanted.instant is not None:
        return point.at_second_start(wanted.instant)
    # What was captured, not what can be reached: that the way there has a gap is for the verdict to say.
    ends = [ClusterTime(time=one.end[0], increment=one.end[1]) for one in _slices(home)]
    ends += [one.recovery_point for one in _manifests(home)]
    if not ends:
        raise InputError(f"backup verify: nothing in {home.name} says which instant is the latest")
    return max(ends)


def _reaching(home: BackupStore, manifests: list[Manifest]) -> list[Restorable]:
    slices = _slices(home)
    return [
        Restorable(
            id=one.id,
            base=one.recovery_point,
            reach=chains.reach(one.recovery_point, one.source.replica_set, slices),
        )
        for one in manifests
    ]


def _slices(home: BackupStore) -> tuple[chains.Span, ...]:
    return chains.spans(home.stored.keys(f"{chains.FOLDER}/"))


def _manifests(home: BackupStore) -> Iterator[Manifest]:
    """Every manifest that can be read; the others are found when they are verified themselves."""
    for backup_id in home.ids():
        try:
            yield home.manifest(backup_id)
        except (KeyError, ManifestError, Damaged, NoKey, OSError):
            continue


def _newest_chosen(store: Store | None, place: str) -> Iterator[datetime]:
    for record in store.records("verification") if store is not None else ():
        body = record.body
        here = body.get("store", place) == place
        if here and body.get("choice", {}).get("newest") and body.get("outcome") != "unknown":
            yield record.at
