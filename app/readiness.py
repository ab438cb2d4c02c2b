"""Whether this process should be given requests: started and not draining; never whether MongoDB or Redis are up.

A lost primary must not empty the edge: the app still answers what it can, and says 503 for the rest.
"""

from __future__ import annotations

from prometheus_client import Gauge


class Readiness:
    """``starting`` until the database is prepared once, then ``ready``, then ``draining`` for good."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self.state = "starting"

    def started(self) -> None:
        """Take requests, unless draining has begun meanwhile."""
        if self.state == "starting":
            self.state = "ready"
            self._gauge.set(1)

    def drain(self) -> None:
        """Ask the edge to send no more requests."""
        self.state = "draining"
        self._gauge.set(0)

    @property
    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        return self.state == "ready"
