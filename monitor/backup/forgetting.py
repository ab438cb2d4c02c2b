"""What every restore ends with: whoever asked to be forgotten is forgotten again. One call, for restores and drills."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from monitor.backup import application, erasures, sets
from monitor.backup.application import Target
from monitor.backup.depot import Depot
from monitor.backup.erasures import Applied, Erasure, listing
from monitor.catalogue.model import Recovery
from monitor.errors import Unavailable
from monitor.settings import Settings
from monitor.sources import signing_keys
from monitor.sources.mongodb import Client
from monitor.store import Store


def trusted_list(settings: Settings, depot: Depot, store: Store | None) -> tuple[Erasure, ...]:
    """Return the list of erasures, held against everything that is known of it elsewhere.

    Raises:
        ErasuresRefused: it was tampered with, cut off, or an entry is missing.
        SettingsError: no key is set that verifies it.
        Unavailable: the depot does not answer.
    """
    verify = signing_keys.verifier(settings.erasure_verification_key_file)
    return listing.load(depot, verify, [listing.known_head(store), sets.erasures_head(depot)])


def kept_list(settings: Settings, depot: Depot, store: Store | None) -> tuple[Erasure, ...]:
    """Return the list as ``trusted_list``; empty where nobody keeps one, and nobody ever knew of one.

    Raises:
        ErasuresRefused, SettingsError, Unavailable: as ``trusted_list``.
    """
    known = settings.erasure_verification_key_file is not None or listing.known_head(store).number > 0
    if not known and not depot.keys(listing.PREFIX) and sets.erasures_head(depot).number == 0:
        return ()
    return trusted_list(settings, depot, store)


def after_restore(
    settings: Settings, depot: Depot, recovery: Recovery | None, target: Target | None, store: Store | None
) -> Callable[[Client], Applied]:
    """Return what forgets everybody of the list in a restored server; without ``target`` it is a scratch server.

    The list is read now, so that one that cannot be trusted is known before hours of restoring, and again when all is
    restored: somebody may have been added meanwhile.

    Raises:
        ErasuresRefused, SettingsError, Unavailable: as ``trusted_list``.
    """
    kept_list(settings, depot, store)

    def forget_all(client: Client) -> Applied:
        entries = kept_list(settings, depot, store)
        if not entries:
            return Applied(erasures=0, removed=0)
        return forget(entries, client, target or application.target_of(client), recovery)

    return forget_all


def forget(entries: tuple[Erasure, ...], client: Client, target: Target, recovery: Recovery | None) -> Applied:
    """Erase everybody of the list from a restored server, and see that nobody is left.

    Raises:
        Unavailable: the server or the application's command failed, or somebody is still there: let nobody in.
    """
    command = recovery.application_erase if recovery else ()
    eraser = partial(application.erase, command, target) if command else None
    subjects = recovery.erasure_subjects if recovery else ""
    applied = erasures.apply(client, entries, eraser=eraser, eraser_of=subjects)
    left = erasures.still_there(client, entries)
    if left:
        raise Unavailable(f"{len(left)} erased subjects are still in the restored server: is somebody writing to it?")
    return applied
