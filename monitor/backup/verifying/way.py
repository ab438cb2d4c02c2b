"""The slices that lead from a backup to the instant that its copy is restored to, every link of the chain checked."""

from __future__ import annotations

import time
from collections.abc import Iterable

from monitor import clock
from monitor.backup.depot import Damaged, Depot
from monitor.backup.model import ClusterTime, Manifest
from monitor.backup.oplog import chain, point
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.oplog.slices import Name, SliceError
from monitor.backup.progress import Progress
from monitor.backup.verifying.choice import Choice
from monitor.backup.verifying.copy import Way
from monitor.backup.verifying.wish import Bench
from monitor.catalogue.model import Recovery
from monitor.errors import Fault

CAPTURED_WITHIN_S = 120.0
"""Slices are 60 s at most: two of them, for the one that was being written when T was fixed."""
LOOK_EVERY_S = 1.0


def find_way(bench: Bench, manifest: Manifest, choice: Choice, depot: Depot, *, wait: bool) -> Way:
    """Return the way; what is missing on it is a fault, and then there are no slices.

    ``wait``: the instant is now, so its slice may yet have to be captured.
    """
    base, at = manifest.recovery_point, choice.at
    shelf = Shelf(depot, manifest.source.replica_set)
    bench.findings.faults += holes(shelf.names())
    if at is None or at == base:
        return Way(at=base, shelf=shelf)
    if at < base:
        text = f"it was taken at {point.shown(base)}, and cannot be restored to {point.shown(at)}"
        bench.findings.reasons.append(f"{manifest.id}: {text}")
        return Way(at=base, shelf=shelf)
    if wait:
        shelf = _captured(bench, shelf, at)
    reached = max((name.end for name in shelf.names()), default=base)
    if reached < at:
        waited = f" within {CAPTURED_WITHIN_S:.0f} s" if wait else ""
        bench.findings.reasons.append(
            f"the oplog was captured up to {point.shown(reached)}, not up to {point.shown(at)}{waited}: "
            "does `monitor work` run? `monitor backup capture --once` captures by hand"
        )
        return Way(at=base, shelf=shelf)
    try:
        found = shelf.way(base, at)
    except (SliceError, Damaged) as error:
        bench.findings.faults.append(Fault(file="oplog", code="slice", message=str(error)))
        return Way(at=base, shelf=shelf)
    if isinstance(found, chain.Gap):
        text = (
            f"the oplog between {point.shown(found.after)} and {point.shown(found.before)} is missing: "
            f"{point.shown(at)} cannot be reached from this backup"
        )
        if may_be_pruned(found, bench.recovery):
            bench.findings.reasons.append(f"{manifest.id}: {text}: slices of that time are not kept any more")
        else:
            bench.findings.faults.append(Fault(file="oplog", code="gap", message=text))
        return Way(at=base, shelf=shelf)
    return Way(at=at, shelf=shelf, slices=found.between(base, at))


def may_be_pruned(gap: chain.Gap, recovery: Recovery | None) -> bool:
    """Whether slices are missing from before the window in which every second is promised, as pruning leaves it."""
    if recovery is None or not recovery.keep_oplog:
        return False
    return gap.before.at <= clock.now() - recovery.keep_oplog


def holes(names: Iterable[Name]) -> tuple[Fault, ...]:
    """Return where slices of one timeline are missing between others, wherever a copy is restored to.

    Capturing leaves none: what it could not follow begins another timeline. Pruning takes only the oldest.
    """
    found = []
    reached: dict[str, Name] = {}
    for name in sorted(names):
        last = reached.get(name.timeline)
        if last is not None and name.begin > last.end:
            text = f"the slices between {point.shown(last.end)} and {point.shown(name.begin)} are missing"
            found.append(Fault(file=name.key.rpartition("/")[0], code="gap", message=text))
        if last is None or name.end > last.end:
            reached[name.timeline] = name
    return tuple(found)


def _captured(bench: Bench, shelf: Shelf, at: ClusterTime) -> Shelf:
    """Wait until the slices reach an instant, or for as long as they may take."""
    deadline = time.monotonic() + CAPTURED_WITHIN_S
    while max((name.end for name in shelf.names()), default=point.ZERO) < at and time.monotonic() < deadline:
        bench.progress(Progress(step="waiting for the oplog to be captured"))
        time.sleep(LOOK_EVERY_S)
        shelf = Shelf(shelf.depot, shelf.replica_set)
    return shelf
