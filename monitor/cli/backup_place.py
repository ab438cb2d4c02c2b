"""What the commands around the backup of MongoDB share: where things are kept, and what remembers them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from monitor.backup.depot import Depot, LocalDepot
from monitor.backup.storage import make_directories
from monitor.catalogue.load import load
from monitor.catalogue.model import Recovery
from monitor.errors import InputError, Unavailable, Unsafe
from monitor.settings import Settings, read_secret
from monitor.sources.mongodb import Client, connect
from monitor.store import Store

store_option = click.option(
    "--store", "place", metavar="DIR", help="Directory of the backup store (default <run dir>/backups)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


def depot_of(settings: Settings, place: str | None) -> Depot:
    """Open the store that a command names, or the settings'.

    Raises:
        InputError: it is none that this program can use.
    """
    if place is None:
        return LocalDepot(settings.backups)
    if not place:
        raise InputError("--store is empty: give a directory, or leave it out")
    if "://" in place:
        raise InputError(f"--store {place}: only a directory of this machine can be used so far")
    return LocalDepot(Path(place).absolute())


def recovery_of(settings: Settings) -> Recovery:
    """Return the catalogue's recovery.yaml.

    Raises:
        InputError: there is none.
    """
    recovery = load(settings.catalogue, settings.environment).recovery
    if recovery is None:
        raise InputError("the catalogue has no recovery.yaml")
    return recovery


def backup_login(settings: Settings) -> tuple[str, str]:
    """Return user and password of the backup user at MongoDB; empty where it asks nobody."""
    file = settings.backup_password_file
    return (settings.backup_username, read_secret(file, "backup_password")) if file is not None else ("", "")


@contextmanager
def backup_client(settings: Settings) -> Iterator[Client]:
    """Connect to the replica set as the backup user."""
    with connect(settings.mongodb_uri, *backup_login(settings)) as client:
        yield client


@contextmanager
def state(settings: Settings, *, without: str = "this will not be recorded") -> Iterator[Store | None]:
    """Open the state file, or say what it means to go on ``without`` it."""
    store: Store | None = None
    try:
        store = Store.open(settings.state, wait_s=0)
    except Unavailable as error:
        click.echo(f"monitor: {without}: {error}", err=True)
    try:
        yield store
    finally:
        if store is not None:
            store.close()


@contextmanager
def alone(settings: Settings, what: str) -> Iterator[None]:
    """Be the only process of this machine that does ``what``; a second one ends at once.

    Raises:
        Unsafe: another one is at it.
    """
    file = settings.state.parent / f".{what}.lock"
    make_directories(file.parent)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Unsafe(f"another process is at the same ({what}): wait until it is done, then run this again") from None
    finally:
        os.close(descriptor)
