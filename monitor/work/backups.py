"""The jobs that make backups: full ones, the daily set, the list of erasures, the copy in another place.

Only one of all workers that use a store is at one of the first two, whatever machine it runs on: it holds the lease
``work``. Who comes second finds it held, is not counted as failed, and tries again a minute later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from monitor.backup import full, offsite, retention, set_retention, set_taking
from monitor.backup.opening import open_store
from monitor.catalogue.model import Recovery
from monitor.clock import credible, now
from monitor.errors import Unavailable
from monitor.settings import Settings
from monitor.work.capturing import captured, reached
from monitor.work.job import Bench, Done, Job, last_passed
from monitor.work.schedule import Every

LEASE = "work"
FRESH = timedelta(minutes=30)
"""A backup that is younger is not taken again: another worker took it, or it is that of a set."""
SET_EVERY = timedelta(days=1)
COLLECT_EVERY = timedelta(minutes=15)
"""Whom the app erases meanwhile would come back, were both it and its database lost."""
COPY_EVERY = timedelta(minutes=1)
"""As often as slices are written: the copy is what is left when the primary site is lost."""
LOOK_EVERY = timedelta(minutes=1)
"""How soon after a gap a full backup is taken: until then the newest recovery point stands still."""
AGAIN = timedelta(minutes=1)


def jobs_of(settings: Settings, recovery: Recovery) -> Iterator[Job]:
    """Return the jobs that hold here."""
    yield Job(
        name="backup",
        schedule=Every(span=recovery.full_backup_every),
        run=_run_backup,
        last_success=newest_leading,
        then=("verification", "set"),
        retry_after=AGAIN,
    )
    yield Job(
        name="oplog-chain",
        schedule=Every(span=LOOK_EVERY),
        run=_look_at_chain,
        last_success=lambda bench: last_passed(bench, "oplog-chain"),
        # At first a backup is taken anyway.
        possible=lambda bench: newest_backup(bench) is not None,
        then=("backup",),
        history=False,
    )
    yield Job(
        name="set",
        schedule=Every(span=SET_EVERY),
        run=_run_set,
        last_success=lambda bench: last_passed(bench, "set"),
        # At first a backup is wanted soon, and nothing beside it.
        possible=lambda bench: newest_backup(bench) is not None,
        retry_after=timedelta(minutes=15),
    )
    if settings.erasure_signing_key_file is not None and recovery.erasure_notes:
        yield Job(
            name="erasures",
            schedule=Every(span=COLLECT_EVERY),
            run=_run_erasures,
            last_success=lambda bench: last_passed(bench, "erasures"),
            retry_after=AGAIN,
            history=False,
        )
    if settings.offsite_store:
        yield Job(
            name="offsite-copy",
            schedule=Every(span=COPY_EVERY),
            run=_run_offsite_copy,
            last_success=lambda bench: last_passed(bench, "offsite-copy"),
            history=False,
        )


def newest_backup(bench: Bench) -> datetime | None:
    """Return when the newest complete backup was begun, whoever took it."""
    listed = bench.lookout.backups(bench.settings) or ()
    known = (credible(backup.at, now()) for backup in listed if backup.state == "complete")
    return max((at for at in known if at is not None), default=None)


def newest_leading(bench: Bench) -> datetime | None:
    """Return when the newest backup was finished; ``None`` as well where what was captured leads on from none of them.

    That is so after a gap, and where capturing began after the backup: a new one is due at once then.
    """
    anchors = captured(bench.settings, bench.store)
    if anchors:
        point = reached(anchors, bench.lookout.backups(bench.settings) or ())
        if point is None or point < max(anchor.end.at for anchor in anchors):
            return None
    return newest_backup(bench)


def _look_at_chain(bench: Bench) -> Done:
    """The schedule does the rest: a backup that is due by ``newest_leading`` follows a look."""
    leads = newest_leading(bench) is not None
    return Done(outcome="passed", reason="" if leads else "the captured oplog leads on from no backup: one is due")


@contextmanager
def _writing(bench: Bench) -> Iterator[None]:
    """Be the only worker that writes into the store, and look at it anew afterwards.

    Raises:
        Busy: another worker is at it.
        Unavailable: the store takes no lock.
    """
    home = open_store(bench.settings)
    with ExitStack() as held:
        held.callback(bench.lookout.forget)
        try:
            held.enter_context(home.alone(LEASE))
        except OSError as error:
            raise Unavailable(f"cannot write to {home.name}: {error.strerror or type(error).__name__}") from error
        yield


def _run_backup(bench: Bench) -> Done:
    recovery, settings = bench.recovery, bench.settings
    with _writing(bench):
        bench.lookout.forget()
        newest = newest_leading(bench)
        if newest is not None and now() - newest < min(FRESH, recovery.full_backup_every / 2):
            return Done(outcome="passed", reason="there is a new one already")
        taken = full.take(settings, store=bench.store, progress=bench.progress, locked_for=recovery.locked_for)
        if taken.outcome != "passed":
            return Done(outcome=taken.outcome, reason=taken.reason)
        gone = _prune(bench)
    return Done(outcome="passed", reason=f"{len(gone)} old backups deleted" if gone else "")


def _prune(bench: Bench) -> tuple[str, ...]:
    if not open_store(bench.settings).may_delete and bench.settings.backup_prune_credentials_file is None:
        # Another machine prunes then: this one only writes.
        return ()
    home, policy = open_store(bench.settings, pruning=True), retention.policy_of(bench.recovery)
    gone = retention.prune(home, policy, store=bench.store)
    return gone + set_retention.prune(home, policy, verified=set_retention.verified_snapshots(bench.store))


def _run_set(bench: Bench) -> Done:
    settings = bench.settings
    with _writing(bench):
        # Files with secrets go into sealed stores only.
        open_to_read = settings.backup_keyset_file is None
        done = set_taking.take(
            settings, bench.recovery, bench.store, without_secrets=open_to_read, progress=bench.progress
        )
    if done.missing:
        return Done(outcome="failed", reason="; ".join(done.missing))
    return Done(outcome="passed")


def _run_erasures(bench: Bench) -> Done:
    home = open_store(bench.settings, locked_for=bench.recovery.locked_for)
    _, added = set_taking.collect(bench.settings, bench.recovery, home, bench.store)
    return Done(outcome="passed", reason=f"{len(added)} erasures taken over" if added else "")


def _run_offsite_copy(bench: Bench) -> Done:
    target = open_store(bench.settings.offsite, locked_for=bench.recovery.locked_for)
    done = offsite.copy(open_store(bench.settings), target, progress=bench.progress)
    if done.left_out:
        first, why = next(iter(done.left_out.items()))
        return Done(outcome="failed", reason=f"{len(done.left_out)} backups were not copied; {first}: {why}")
    return Done(outcome="passed", reason=f"{done.objects} objects copied" if done.objects else "")
