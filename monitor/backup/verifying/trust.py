"""Whether a store is the one that was written: the monitor's own memory says what must be in it.

Whoever can write into a store can put an older state of it back, each part of it sound. So the digest of every manifest
and the newest slice of the oplog are remembered outside. Nothing is known of a store that this monitor did not write.
"""

from __future__ import annotations

from collections.abc import Iterator

from monitor.backup import manifest as manifest_module
from monitor.backup.backup_store import BackupStore
from monitor.backup.depot import Damaged
from monitor.backup.model import PUT_BACK, Manifest
from monitor.backup.oplog import point
from monitor.backup.oplog.anchor import Memory
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.oplog.slices import SliceError
from monitor.errors import Fault
from monitor.store import Store


def put_back(store: Store | None, home: BackupStore, manifest: Manifest, shelf: Shelf) -> Iterator[Fault]:
    """Yield what is not as it is remembered."""
    if store is None:
        return
    known = store.get("backup", manifest.id)
    wanted = known.body.get("manifest_sha256") if known is not None else None
    if wanted and wanted != manifest_module.digest(manifest):
        text = "it is not the manifest that was written: another, perhaps an older one, was put in its place"
        yield Fault(file=manifest_module.NAME, code=PUT_BACK, message=text)
    yield from _missing_backup(store, home)
    yield from _missing_slices(store, shelf)


def _missing_backup(store: Store, home: BackupStore) -> Iterator[Fault]:
    """The newest backup is never pruned: where it is not there, a state from before it was put back."""
    for record in store.records("backup"):
        if record.body.get("outcome") == "passed" and record.body.get("store") == home.name:
            if record.id not in home.ids():
                text = "it was taken into this store, is the newest, and is gone: was an older state put back?"
                yield Fault(file=record.id, code=PUT_BACK, message=text)
            return


def _missing_slices(store: Store, shelf: Shelf) -> Iterator[Fault]:
    anchor = Memory(store, shelf.depot.name).anchor(shelf.replica_set)
    if anchor is None:
        return
    reached = max((name.end for name in shelf.names()), default=point.ZERO)
    if reached < anchor.end:
        there = point.shown(reached) if shelf.names() else "nothing"
        text = (
            f"the oplog was captured up to {point.shown(anchor.end)}, and the store reaches {there}: was it put back?"
        )
        yield Fault(file=anchor.key, code=PUT_BACK, message=text)
        return
    try:
        found = [shelf.header(name).digest for name in shelf.names() if name.key == anchor.key]
    except (SliceError, Damaged) as error:
        yield Fault(file=anchor.key, code="slice", message=str(error).removeprefix(f"{anchor.key}: "))
        return
    if anchor.digest not in found:
        yield Fault(file=anchor.key, code=PUT_BACK, message="the newest slice is not the one that was written")
