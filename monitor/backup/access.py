"""How the parts that lie around the backup of MongoDB reach it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
