"""Opens the store that the settings name: a directory or a bucket, with the keys and the identity that belong to it."""

from __future__ import annotations

from datetime import timedelta

from monitor.addresses import bucket
from monitor.backup.backup_store import BackupStore
from monitor.backup.bucket import BucketStore
from monitor.backup.keys import Keyset
from monitor.backup.storage import LocalStore
from monitor.errors import SettingsError
from monitor.settings import Settings
from monitor.sources.object_client import connect
from monitor.sources.object_storage import S3Depot


def open_store(settings: Settings, *, locked_for: timedelta | None = None, pruning: bool = False) -> BackupStore:
    """Open the backup store; nothing is asked of it yet.

    ``locked_for``: how long object storage is to keep what is written from being removed. ``pruning`` acts as the
    identity that may delete.

    Raises:
        SettingsError: a file of keys or of an identity cannot be read, or the one that prunes is not set.
    """
    keyset = Keyset.read(settings.backup_keyset_file) if settings.backup_keyset_file else None
    place = bucket("backup_store", settings.backup_store)
    if place is None:
        return LocalStore(settings.backups, keyset)
    credentials = settings.backup_credentials_file
    if pruning:
        credentials = settings.backup_prune_credentials_file
        if credentials is None:
            raise SettingsError(
                f"{settings.backup_store}: the identity that writes backups never deletes them: "
                "set backup_prune_credentials_file"
            )
    client = connect(endpoint_url=settings.backup_endpoint_url, region=settings.backup_region, credentials=credentials)
    name, prefix = place
    depot = S3Depot(client, name, prefix, locked_for=locked_for, lock_mode=settings.backup_lock_mode)
    return BucketStore(depot, keyset, may_delete=pruning)
