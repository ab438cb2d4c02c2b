"""Rehearsals: break the real thing, measure what happens, put it right, and keep a journal.

::

    run(name, ...)      guards, steady state, harm, recovery, verification, rollback, journal    runner
    DRILLS              every drill there is; one drill, one module                              primary_killed
    Journal             what happened, in the field's own form (Chaos Toolkit) and in figures    journal (pure)
    ledger              what patients were told, read from outside the database
"""

from __future__ import annotations

from monitor.drills.drill import Show
from monitor.drills.journal import Journal
from monitor.drills.runner import DRILLS, find, run
from monitor.drills.undo import running

__all__ = ["DRILLS", "Journal", "Show", "find", "run", "running"]
