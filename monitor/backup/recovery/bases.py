"""The backups that a restore may begin with, and one of them as a plain directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from monitor.backup import notes, staging
from monitor.backup.depot import Depot, make_directories
from monitor.backup.model import ClusterTime
from monitor.backup.opening import open_store
from monitor.backup.progress import ShowProgress
from monitor.errors import InputError, MonitorError
from monitor.settings import Settings
from monitor.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A complete backup. ``live`` names collections that were read at some moment until ``finished_at``."""

    id: str
    replica_set: str
    recovery_point: ClusterTime
    finished_at: datetime
    bytes: int
    server_version: str = ""
    live: tuple[str, ...] = ()


def depot_of(settings: Settings, locked_for: timedelta | None = None) -> Depot:
    """Where slices lie, sealed if backups are; ``locked_for`` as ``open_store`` has it.

    Raises:
        SettingsError: a file of keys or of an identity cannot be read.
    """
    return open_store(settings, locked_for=locked_for).depot


def bases(settings: Settings, store: Store | None, named: str = "") -> tuple[Base, ...]:
    """Every complete backup that can be opened and is not known to be damaged, oldest recovery point first.

    Somebody may want one that is, for lack of a better: by its ``named`` id.

    Raises:
        InputError, Unavailable: the store cannot be read.
    """
    home = open_store(settings)
    verdicts = notes.verdicts(home, store)
    found = []
    for backup_id in home.ids():
        if backup_id in verdicts and verdicts[backup_id].condemns and backup_id != named:
            continue
        try:
            manifest = home.manifest(backup_id)
        except (KeyError, InputError, OSError):
            continue  # `backup list` tells of it: a restore begins with what is whole
        found.append(
            Base(
                id=backup_id,
                replica_set=manifest.source.replica_set,
                recovery_point=manifest.recovery_point,
                finished_at=manifest.finished_at,
                bytes=manifest.bytes,
                server_version=manifest.source.server_version,
                live=tuple(entry.namespace for entry in manifest.collections if entry.consistency == "live"),
            )
        )
    return tuple(sorted(found, key=lambda base: (base.recovery_point, base.id)))


def newest_recovery_point(settings: Settings) -> ClusterTime | None:
    """The newest complete backup's recovery point; ``None`` where there is none, or the store cannot be read."""
    try:
        found = bases(settings, None)
    except MonitorError:
        return None
    return found[-1].recovery_point if found else None


@contextmanager
def staged(settings: Settings, base: Base, progress: ShowProgress, parent: Path | None = None) -> Iterator[Path]:
    """Give a backup as a plain dump directory, every byte of it checked before anything is loaded.

    It is unpacked below ``parent``, by default where backups lie on this machine.

    Raises:
        InputError: it is not there, or not as it was written.
        Unavailable: the storage does not answer, or there is no room.
    """
    if parent is None:
        make_directories(settings.backups)
    with staging.staged(open_store(settings), base.id, parent or settings.backups, progress=progress) as root:
        yield root
