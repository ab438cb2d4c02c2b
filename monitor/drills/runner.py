"""Runs a drill so that everything is put right again, whatever happens.

1. Take the lock; put right what a killed drill left behind.
2. Guards and steady state: any that does not hold refuses the drill, and nothing is touched.
3. Write the undo list to disk, then let the drill play.
4. Roll back always: after success, failure, an error, SIGINT and SIGTERM. A rollback that fails, fails the drill.
5. Steady state again. Judge what was measured against the catalogue's targets. Keep the journal.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from monitor import clock
from monitor.catalogue.model import Catalogue, DrillPlan
from monitor.drills import guards, undo
from monitor.drills.drill import Drill, Field, Findings, Interrupted, Show
from monitor.drills.journal import Journal, Outcome, closed, conclude, verdicts
from monitor.drills.primary_killed import PrimaryKilled
from monitor.errors import InputError, MonitorError, Unsafe
from monitor.settings import Settings
from monitor.stack.client import StackClient
from monitor.store import Store

DRILLS: tuple[Drill, ...] = (PrimaryKilled(),)
"""Every drill there is. A new one: a module, a line here, an entry in the catalogue's drills.yaml."""

STEADY_AGAIN_S = 60.0
"""How long after the rollback the service may take to look healthy again."""


def find(name: str, catalogue: Catalogue) -> tuple[Drill, DrillPlan]:
    """Return a drill and what the catalogue promises of it.

    Raises:
        InputError: there is no such drill, or the catalogue does not plan it.
    """
    drill = next((drill for drill in DRILLS if drill.name == name), None)
    plan = next((plan for plan in catalogue.drills if plan.name == name), None)
    if drill is None:
        raise InputError(f"there is no drill {name!r}: `monitor drill list` shows them")
    if plan is None:
        raise InputError(f"the catalogue's drills.yaml does not plan {name!r}: say there what it must achieve")
    return drill, plan


def run(
    name: str,
    settings: Settings,
    catalogue: Catalogue,
    store: Store,
    *,
    stop: threading.Event | None = None,
    show: Show = lambda _: None,
) -> Journal:
    """Run a drill; blocks until everything is put right. ``stop`` ends it early, with rollback.

    Raises:
        InputError: there is no such drill.
        Unsafe: refused; nothing was touched.
        Unavailable: it could not be found out whether it is safe; nothing was touched.
    """
    drill, plan = find(name, catalogue)
    field = Field(
        settings=settings,
        catalogue=catalogue,
        plan=plan,
        store=store,
        stack=StackClient(settings.control_socket),
        show=show,
        stop=stop or threading.Event(),
    )
    state_dir = settings.state.parent
    with undo.only_one(state_dir, name):
        _put_right_what_was_left(field, state_dir)
        _guard(field, plan)
        harmed = drill.touches(field)
        started_at = clock.now()
        journal = Journal(
            id=clock.new_id(name, started_at), drill=name, title=plan.title or name, started_at=started_at
        )
        _keep(store, journal)
        undo.write(state_dir, harmed)
        journal = _play(field, drill, plan, journal, state_dir)
        _keep(store, journal)
        return journal


def _play(field: Field, drill: Drill, plan: DrillPlan, journal: Journal, state_dir: Path) -> Journal:
    findings = Findings(measurements={})
    broken_off: tuple[Outcome, str] | None = None
    faults: tuple[str, ...] = ()
    try:
        findings = drill.play(field)
    except Interrupted as interrupted:
        broken_off = "aborted", f"broken off: {interrupted}"
    except MonitorError as error:
        broken_off = "unknown", str(error)
    except Exception as error:  # noqa: BLE001  # whatever it was: roll back, and keep the journal
        broken_off = "unknown", f"a fault in this program ({type(error).__name__})"
    finally:
        faults = _roll_back(field, state_dir)
    faults += _steady_again(field)
    judged = verdicts(plan, findings.measurements)
    outcome, reason = broken_off or conclude(judged, faults)
    if broken_off is not None and faults:
        outcome, reason = "failed", "; ".join((*faults, reason))
    return replace(
        journal,
        finished_at=clock.now(),
        outcome=outcome,
        reason=reason,
        measurements=findings.measurements,
        verdicts=judged,
        alerts=findings.alerts,
        steps=tuple(field.steps),
    )


def _put_right_what_was_left(field: Field, state_dir: Path) -> None:
    released, failures = undo.replay(state_dir, field.stack)
    if failures:
        raise Unsafe(f"an earlier drill was killed, and what it left cannot be put right: {'; '.join(failures)}")
    if released:
        field.note("guard", f"an earlier drill was killed: released {', '.join(released)}")
    ended_at = clock.now()
    for record in field.store.records("drill", limit=100):
        # We hold the lock, so whoever wrote this is gone.
        if record.body.get("finished_at") is None:
            body = record.body | closed(began_at=record.at, found_at=ended_at)
            field.store.put("drill", record.id, body, at=record.at)


def _guard(field: Field, plan: DrillPlan) -> None:
    for check in guards.BREAKING if plan.breaking else guards.STEADY:
        holds, sentence = check(field)
        field.note("steady-before" if check in guards.STEADY else "guard", sentence, ok=holds)
        if not holds:
            raise Unsafe(f"drill {plan.name} is refused: {sentence}")


def _roll_back(field: Field, state_dir: Path) -> tuple[str, ...]:
    released, failures = undo.replay(state_dir, field.stack)
    if released:
        field.note("rollback", f"released {', '.join(released)}")
    for failure in failures:
        field.note("rollback", failure, ok=False)
    return tuple(f"rollback failed: {failure}" for failure in failures)


def _steady_again(field: Field) -> tuple[str, ...]:
    """Wait for the steady state, also when the drill was asked to stop: the service comes first."""
    patient = replace(field, stop=threading.Event())
    faults: list[str] = []
    for check in guards.STEADY:
        said = ""
        try:

            def holds(check: guards.Check = check) -> str | None:
                nonlocal said
                good, said = check(field)
                return said if good else None

            good = patient.wait(holds, within_s=STEADY_AGAIN_S, every_s=1)
        except MonitorError as error:
            good, said = None, str(error)
        field.note("steady-after", said, ok=good is not None)
        if good is None:
            faults.append(f"no steady state afterwards: {said}")
    return tuple(faults)


def _keep(store: Store, journal: Journal) -> None:
    store.put("drill", journal.id, journal.body(), at=journal.finished_at or journal.started_at)
