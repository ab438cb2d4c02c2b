"""How the parts that lie around the backup of MongoDB reach it, and how each is the only one at its work here."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from monitor.backup.depot import make_directories
from monitor.errors import Unsafe
from monitor.settings import Settings, read_secret
from monitor.sources.mongodb import Client, connect


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
