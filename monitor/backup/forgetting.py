"""What every restore ends with: whoever asked to be forgotten is forgotten again. One call, for restores and drills."""

from __future__ import annotations

from functools import partial

from monitor.backup import application, erasures, sets
from monitor.backup.application import Target
from monitor.backup.depot import Depot
from monitor.backup.erasures import Applied, Erasure, keys, listing
from monitor.catalogue.model import Recovery
from monitor.errors import Unavailable
from monitor.settings import Settings
from monitor.sources.mongodb import Client
from monitor.store import Store


def trusted_list(settings: Settings, depot: Depot, store: Store | None) -> tuple[Erasure, ...]:
    """Return the list of erasures, held against everything that is known of it elsewhere.

    Raises:
        ErasuresRefused: it was tampered with, cut off, or an entry is missing.
        SettingsError: no key is set that verifies it.
        Unavailable: the depot does not answer.
    """
    verify = keys.verifier(settings.erasure_verification_key_file)
    return listing.load(depot, verify, [listing.known_head(store), sets.erasures_head(depot)])


def forget(entries: tuple[Erasure, ...], client: Client, target: Target, recovery: Recovery) -> Applied:
    """Erase everybody of the list from a restored server, and see that nobody is left.

    Raises:
        Unavailable: the server or the application's command failed, or somebody is still there: let nobody in.
    """
    command = recovery.application_erase
    eraser = partial(application.erase, command, target) if command else None
    applied = erasures.apply(client, entries, eraser=eraser, eraser_of=recovery.erasure_subjects)
    left = erasures.still_there(client, entries)
    if left:
        raise Unavailable(f"{len(left)} erased subjects are still in the restored server: is somebody writing to it?")
    return applied
