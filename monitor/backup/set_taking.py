"""Takes MongoDB, Redis and configuration one after the other, and ties them together; takes over new erasures first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta

from monitor import clock
from monitor.backup import erasures, full, sets
from monitor.backup.access import backup_client
from monitor.backup.backup_store import BackupStore
from monitor.backup.configuration.recorded import keep
from monitor.backup.depot import Depot
from monitor.backup.erasures import Erasure, Head, listing
from monitor.backup.opening import open_store
from monitor.backup.progress import ShowProgress, quiet
from monitor.backup.redis import take as take_snapshot
from monitor.backup.redis.recorded import address, remember
from monitor.backup.sets import BackupSet, Member
from monitor.catalogue.model import Recovery
from monitor.errors import InputError, MonitorError, Unavailable
from monitor.settings import Settings
from monitor.sources import signing_keys
from monitor.store import Store

ERASURES = "erasures"
"""What only one process at a time adds to."""


def take(
    settings: Settings,
    recovery: Recovery,
    store: Store | None,
    *,
    without_secrets: bool,
    progress: ShowProgress = quiet,
) -> BackupSet:
    """Make each part; one that fails does not keep the others from being made.

    Raises:
        Unavailable: the set could not be written or recorded.
    """
    home = open_store(settings, locked_for=recovery.locked_for)
    depot = home.depot
    started = clock.now()
    missing: list[str] = []

    def part(what: str, make: Callable[[], Member]) -> Member | None:
        try:
            return make()
        except MonitorError as error:
            missing.append(f"{what}: {error}")
            return None

    done = BackupSet(
        id=clock.new_id("set", started),
        started_at=started,
        erasures=_head(settings, recovery, home, store, missing),
        mongodb=part("mongodb", lambda: _mongodb(settings, depot, store, recovery.locked_for, progress)),
        redis=part("redis", lambda: _redis(settings, depot, store)),
        configuration=part(
            "configuration", lambda: _configuration(settings, depot, store, without_secrets=without_secrets)
        ),
        missing=tuple(missing),
        finished_at=clock.now(),
    )
    sets.save(depot, done)
    if store is not None:
        try:
            store.put("set", done.id, done.body(), at=clock.now())
        except sqlite3.Error as error:
            raise Unavailable(f"{done.id} could not be recorded in {store.path} ({type(error).__name__})") from error
    return done


def collect(
    settings: Settings, recovery: Recovery, home: BackupStore, store: Store | None
) -> tuple[int, tuple[Erasure, ...]]:
    """Take over whom the application has erased; returns how many it noted, and the entries that are new.

    Raises:
        ErasuresRefused: the list that is there cannot be trusted; nothing is added to it.
        SettingsError: no key is set that signs it.
        Unavailable, Unsafe: MongoDB or the depot does not answer, or another process adds to the list.
    """
    signing = signing_keys.signer(settings.erasure_signing_key_file)
    with backup_client(settings) as client:
        subjects, why = erasures.collect(client, recovery)
    exclusive = home.alone(ERASURES)
    added = erasures.add(
        home.depot, subjects, by="application", why=why, keys=signing, exclusive=exclusive, store=store
    )
    return len(subjects), added


def _head(
    settings: Settings, recovery: Recovery, home: BackupStore, store: Store | None, missing: list[str]
) -> Head | None:
    """Take over whom the application has erased, and note where the list stands; where none is kept, nothing."""
    if settings.erasure_signing_key_file is None:
        return None
    try:
        collect(settings, recovery, home, store)
        _, verify = signing_keys.signer(settings.erasure_signing_key_file)
        entries = listing.load(home.depot, verify, [listing.known_head(store), sets.erasures_head(home.depot)])
    except MonitorError as error:
        missing.append(f"erasures: {error}")
        return None
    return entries[-1].head if entries else Head()


def _mongodb(
    settings: Settings, depot: Depot, store: Store | None, locked_for: timedelta, progress: ShowProgress
) -> Member:
    record = full.take(settings, store=store, progress=progress, locked_for=locked_for)
    if record.outcome != "passed":
        raise Unavailable(f"no backup was made: {record.reason}")
    try:
        return sets.member(depot, f"{record.id}/manifest.json", record.id)
    except KeyError:
        raise InputError(f"{record.id} is not in {depot.name}: give the same store to all parts") from None


def _redis(settings: Settings, depot: Depot, store: Store | None) -> Member:
    snapshot = take_snapshot(depot, address(settings))
    remember(store, snapshot)
    return sets.member(depot, f"redis/{snapshot.id}/manifest.json", snapshot.id)


def _configuration(settings: Settings, depot: Depot, store: Store | None, *, without_secrets: bool) -> Member:
    kept = keep(settings, depot, store, without_secrets=without_secrets)
    return sets.member(depot, f"configuration/{kept.id}/manifest.json", kept.id)
