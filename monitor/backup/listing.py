"""Which backups a store holds, and what is known of each: from the store alone, for the rest may be lost."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.backup import manifest as manifest_module
from monitor.backup.backup_store import CENTURIES, BackupStore
from monitor.backup.depot import Damaged
from monitor.backup.model import ListedBackup, Manifest
from monitor.backup.sealed import NoKey
from monitor.errors import printable


def list_backups(store: BackupStore) -> tuple[ListedBackup, ...]:
    """Return the backups in a store, newest first, judged by manifest and file sizes.

    Raises:
        InputError: the store cannot be read.
        Unavailable: it does not answer.
    """
    ids = store.ids()
    # The whole at once: storage that is far away is asked once, not once for each backup.
    there = store.stored.sizes(CENTURIES) if ids else {}
    return tuple(judge(store, backup_id, there) for backup_id in reversed(ids))


def judge(store: BackupStore, backup_id: str, there: Mapping[str, int]) -> ListedBackup:
    """Return what a backup looks like without reading its files; ``there`` are the sizes of what is stored.

    Raises:
        Unavailable: the store does not answer.
    """
    try:
        manifest = store.manifest(backup_id)
    except KeyError:
        return ListedBackup(id=backup_id, state="incomplete", reason="it has no manifest.json")
    except NoKey as error:
        return ListedBackup(id=backup_id, state="sealed", reason=str(error))
    except (manifest_module.ManifestError, Damaged) as error:
        return ListedBackup(id=backup_id, state="damaged", reason=str(error))
    except OSError as error:
        return ListedBackup(id=backup_id, state="damaged", reason=f"cannot read manifest.json: {error.strerror}")
    wrong = [printable(path) for path in _wrong(manifest, there)]
    return ListedBackup(
        id=backup_id,
        state="damaged" if wrong else "complete",
        reason=f"missing or of another size: {wrong[0]}" + (f" and {len(wrong) - 1} more" if wrong[1:] else "")
        if wrong
        else "",
        type=manifest.type,
        at=manifest.started_at,
        bytes=manifest.bytes,
        size_bytes=manifest.stored_bytes,
        compression=manifest.compression,
        key_id=manifest.key_id,
        documents=manifest.documents,
        collections=len(manifest.collections),
        recovery_point=manifest.recovery_point.at,
    )


def _wrong(manifest: Manifest, there: Mapping[str, int]) -> list[str]:
    stored = {manifest.stored_path(file): file.stored_bytes for file in manifest.files}
    return [path for path, size in stored.items() if there.get(f"{manifest.id}/{path}") != size]
