"""How much of a machine a backup takes: it need not be fast, only done before the server forgets the snapshot."""

from __future__ import annotations

import os
import threading

CALM_BYTES_PER_SECOND = 40e6
"""So that reading leaves most of a processor to the members and the app, where they share two; what the app notices is
measured in docs/benchmarks-backup.md."""
DONE_WITHIN_S = 150.0
"""Half of the 300 s for which a server keeps a snapshot unless it is told otherwise."""
NICENESS = 10
"""Of the threads that hash, compress and seal: they take what others leave."""


def pace(total: int) -> float:
    """Return how many bytes a second are read of so many in all, where nobody says how many."""
    return max(CALM_BYTES_PER_SECOND, total / DONE_WITHIN_S)


def step_back() -> None:
    """Let others go before this thread; one that lets them already is left as it is."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
