"""Captures for as long as somebody lets it: `monitor work` runs it in a thread, `monitor backup capture` by hand."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from monitor.backup.depot import Depot
from monitor.backup.model import ClusterTime
from monitor.backup.oplog import source
from monitor.backup.oplog.anchor import Anchor, Memory
from monitor.backup.oplog.capture import Round, capture
from monitor.backup.oplog.shelf import Shelf
from monitor.errors import Busy, MonitorError, Unavailable
from monitor.settings import Settings
from monitor.store import Store
from telemetry import logs

LOCK = "capture.lock"
RETRY_S = 2.0
"""After a failed round: an election takes about as long."""

log = logs.get_logger()
NewestBase = Callable[[], ClusterTime | None]


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold what only one capture at a time may hold; the kernel lets go of it with us.

    Raises:
        Busy: another holds it.
    """
    folder = settings.state.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"backup capture: another process captures already ({folder / LOCK}): `monitor work` does so by itself"
            ) from None
        yield
    finally:
        os.close(descriptor)


def once(settings: Settings, depot: Depot, store: Store | None, newest_base: NewestBase) -> Round:
    """Capture what is there now. Hold ``alone``.

    Raises:
        Unavailable: a member or the depot does not answer.
        InputError, OSError: a setting is wrong, or the depot takes or gives nothing.
    """
    memory = Memory(store, depot.name)
    first, *others = source.members(settings)
    with source.opened(settings, first) as oplog:
        shelf = Shelf(depot, oplog.replica_set)
        done = capture(oplog, shelf, memory, newest_base, anew=False)
        if not done.lost:
            return done
        for name in others:
            # One that joined lately has a short oplog: what it lacks the others may still have.
            with contextlib.suppress(Unavailable), source.opened(settings, name) as another:
                done = capture(another, shelf, memory, newest_base, done=done, anew=False)
                if not done.lost:
                    return done
        return capture(oplog, shelf, memory, newest_base, done=done)


def run(
    settings: Settings,
    depot: Depot,
    newest_base: NewestBase,
    *,
    every_s: float,
    stop: threading.Event,
    sure: Callable[[], None] = lambda: None,
    watch: Callable[[Round | None], None] = lambda _: None,
) -> None:
    """Capture each ``every_s`` until ``stop`` is set, and once more then. A failed round is logged and tried again.

    ``watch`` is told of each round; ``None``: it failed. ``sure`` raises once another may be capturing.

    Raises:
        Busy: another process of this machine captures.
        Unavailable: ``sure`` said so.
    """
    failing_since: float | None = None
    with alone(settings):
        while True:
            begun, last = time.monotonic(), stop.is_set()
            sure()
            try:
                with Store.open(settings.state) as store:
                    done = once(settings, depot, store, newest_base)
            except (MonitorError, OSError, sqlite3.Error) as error:
                if failing_since is None:
                    failing_since = begun
                    log.warning("backup.capture_failed", error=error)
                watch(None)
                wait_s = min(RETRY_S, every_s)
            else:
                for reason, _ in done.found:
                    log.warning("backup.capture_found", reason=reason.replace(" ", "_"))
                if failing_since is not None:
                    log.info("backup.capture_recovered", seconds=round(time.monotonic() - failing_since, 3))
                    failing_since = None
                watch(done)
                wait_s = max(0.0, every_s - (time.monotonic() - begun))
            if last:
                return
            stop.wait(wait_s)


def recovery_point(captured: Iterable[Anchor], bases: tuple[ClusterTime, ...]) -> ClusterTime | None:
    """The newest point that what was captured and these backups lead to; ``None`` where there is no backup.

    The newest slice counts where a backup lies within its timeline, or where that begins at the latest with it.
    """
    reached = [anchor.end for anchor in captured if any(anchor.since <= base <= anchor.end for base in bases)]
    return max((*reached, *bases), default=None)
