"""What Redis did not allow, and when it is asked again.

Each denied question stands in Redis's log of denials, and counts there: an exporter that keeps asking raises the very
figure (``redis_acl_access_denied_cmd_total``) that should tell of others.
"""

from __future__ import annotations

import time

FIRST_PAUSE = 60.0
LONGEST_PAUSE = 3600.0


class Denials:
    """Doubles the pause after each denial of a question. A new connection, which may have new rights, starts anew."""

    def __init__(self) -> None:
        self._connection: int | None = None
        self._pauses: dict[str, float] = {}
        self._until: dict[str, float] = {}

    def __bool__(self) -> bool:
        """Tell whether anything is denied."""
        return bool(self._until)

    def over(self, connection: int) -> None:
        """Say over which connection questions go from now on."""
        if connection != self._connection:
            self._connection = connection
            self._pauses.clear()
            self._until.clear()

    def pauses(self, name: str) -> bool:
        """Tell whether this question should wait."""
        until = self._until.get(name)
        return until is not None and time.monotonic() < until

    def denied(self, name: str) -> None:
        """Remember that this question was denied."""
        pause = self._pauses[name] = min(2 * self._pauses.get(name, FIRST_PAUSE / 2), LONGEST_PAUSE)
        self._until[name] = time.monotonic() + pause

    def allowed(self, name: str) -> None:
        """Forget that this question was once denied."""
        self._pauses.pop(name, None)
        self._until.pop(name, None)
