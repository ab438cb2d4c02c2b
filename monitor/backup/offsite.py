"""The copy in another place: what is finished here is copied there, as it is stored, and read back.

Objects stay sealed on the way, for their seal holds to their name and not to their place. A copy that was interrupted
is taken up where it ended: a backup whose manifest is there is whole, for that comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from monitor.backup import chains, notes
from monitor.backup import manifest as manifest_module
from monitor.backup.backup_store import BackupStore
from monitor.backup.lease import FOLDER as LEASES
from monitor.backup.lease import KEY as LEASE
from monitor.backup.listing import judge, list_backups
from monitor.backup.model import ClusterTime
from monitor.backup.progress import Progress, ShowProgress, quiet
from monitor.backup.storage import LOCK
from monitor.backup.streams import Digest, Tally
from monitor.errors import Unavailable

LAST = "sets"
"""What ties objects of one instant together comes when they are there."""
OWN = (f"{notes.VERIFICATIONS}/", LEASE, f"{LEASES}/", LOCK)
"""What each place has of its own: a copy is verified where it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was copied now. ``left_out`` says of backups why they were not."""

    backups: tuple[str, ...]
    objects: int
    bytes: int
    left_out: dict[str, str]


def copy(source: BackupStore, target: BackupStore, *, progress: ShowProgress = quiet) -> Copied:
    """Copy what the source has and the target has not.

    Newest backups first: that is what the loss of the source would cost least with.

    Raises:
        Unsafe: somebody else writes to the target.
        Unavailable: one of the two does not answer, or what was read back is not what was written.
        InputError: one of the two refuses.
        OSError: one of the two is a directory that cannot be read or written.
    """
    work = _Copying(source, target, progress)
    with target.exclusive("backup copy"):
        target.remove_leftovers()
        work.backups()
        work.others()
    return Copied(backups=tuple(work.copied), objects=work.objects, bytes=work.bytes, left_out=work.left_out)


def newest_recovery_point(home: BackupStore) -> ClusterTime | None:
    """Return the newest instant that can be restored from this place alone; ``None`` if none can.

    Raises:
        InputError, Unavailable, OSError: the place cannot be read.
    """
    slices = chains.spans(home.stored.keys(f"{chains.FOLDER}/"))
    condemned = {name for name, verdict in notes.verdicts(home).items() if verdict.condemns}
    points = []
    for listed in list_backups(home):
        if listed.state == "complete" and listed.id not in condemned:
            found = home.manifest(listed.id)
            points.append(chains.reach(found.recovery_point, found.source.replica_set, slices))
    return max(points, key=lambda point: (point.time, point.increment), default=None)


class _Copying:
    """One run of ``copy``."""

    def __init__(self, source: BackupStore, target: BackupStore, progress: ShowProgress) -> None:
        self.copied: list[str] = []
        self.objects = 0
        self.bytes = 0
        self.left_out: dict[str, str] = {}
        self._source = source
        self._target = target
        self._progress = progress

    def backups(self) -> None:
        there = set(self._target.stored.keys())
        wanted = [name for name in self._source.ids() if f"{name}/{manifest_module.NAME}" not in there]
        for backup_id in reversed(wanted):
            listed = judge(self._source, backup_id, self._source.stored.sizes(f"{backup_id}/"))
            if listed.state != "complete":
                self.left_out[listed.id] = listed.reason
                continue
            try:
                with self._source.reading(listed.id):
                    self._backup(listed.id)
            except KeyError:
                self.left_out[listed.id] = "it was removed meanwhile"

    def _backup(self, backup_id: str) -> None:
        manifest = self._source.manifest(backup_id)
        there = self._target.stored.sizes(f"{backup_id}/")
        done = 0
        for entry in manifest.files:
            key = f"{backup_id}/{manifest.stored_path(entry)}"
            expected = Digest(entry.stored_bytes, entry.stored_sha256)
            there_already = there.get(key) == entry.stored_bytes and self._digest(key) == expected
            if not there_already and self._object(key) != expected:
                self.left_out[backup_id] = f"{key} is not what was written"
                return
            done += entry.stored_bytes
            self._progress(Progress(step=f"copying {backup_id}", done=done, total=manifest.stored_bytes))
        self._object(f"{backup_id}/{manifest_module.NAME}")
        self.copied.append(backup_id)

    def others(self) -> None:
        """Copy slices, and whatever else is written once under a name of its own; notes are small, and may change."""
        here, there = self._source.stored.sizes(), self._target.stored.sizes()
        keys = list(_others(here))
        # The last of each folder may have been on its way when the run before this one was killed.
        newest = {key.partition("/")[0]: key for key in keys if key in there}
        for key in keys:
            changing = key.startswith(f"{notes.MARKS}/") or key == newest.get(key.partition("/")[0])
            if there.get(key) == here[key] and not (changing and self._digest(key) != self._digest_here(key)):
                continue
            try:
                self._object(key)
            except KeyError:
                # Pruned meanwhile.
                continue

    def _object(self, key: str) -> Digest:
        """Copy one object, and read it back."""
        tally = Tally()
        self._target.stored.put(key, tally.through(self._source.stored.get(key)))
        if self._digest(key) != tally.digest:
            raise Unavailable(f"backup copy: {key} reads from {self._target.name} as something else than was written")
        self.objects += 1
        self.bytes += tally.digest.bytes
        return tally.digest

    def _digest(self, key: str) -> Digest:
        return _digest(self._target, key)

    def _digest_here(self, key: str) -> Digest:
        return _digest(self._source, key)


def _digest(home: BackupStore, key: str) -> Digest:
    tally = Tally()
    for _ in tally.through(home.stored.get(key)):
        pass
    return tally.digest


def _others(keys: Iterable[str]) -> Iterator[str]:
    """Everything that belongs to no full backup and to no place alone, in the order in which it is copied."""
    mine = [
        key
        for key in keys
        if not manifest_module.is_backup_id(key.partition("/")[0]) and not key.startswith((*OWN, "."))
    ]
    yield from sorted(mine, key=lambda key: (key.startswith(f"{LAST}/"), key))
