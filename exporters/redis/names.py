"""Names that clients gave themselves, made fit to be labels: few, and the same ones tomorrow.

A name is free text, and many clients make theirs up anew at each start (``worker-`` and a UUID, the name of a pod).
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from exporters.readings import OTHER

Name = tuple[str, str]
"""What a client calls itself, folded, and its user."""
OTHERS: Name = (OTHER, OTHER)

_LONGEST = 64
_CONSONANTS = "[bcdfghjklmnpqrstvwxz2456789]"
"""Kubernetes makes names up of these, so that they form no words."""
_BEGINS, _ENDS = "(?<![A-Za-z0-9])", "(?![A-Za-z0-9])"
_MADE_UP = re.compile(
    "|".join(
        (
            f"{_BEGINS}[0-9A-Fa-f]{{8}}(?:-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}}{_ENDS}",  # a UUID
            f"(?<=-)(?:{_CONSONANTS}{{6,10}}-)?{_CONSONANTS}{{5}}$",  # a pod's name, of a deployment or another set
            f"{_BEGINS}(?=[A-Za-z]*[0-9])[0-9A-Fa-f]{{8,}}{_ENDS}",  # hexadecimal
            f"{_BEGINS}[A-Za-z]*[0-9]+[A-Za-z]+[0-9][A-Za-z0-9]*{_ENDS}",  # letters and digits by turns
            "[0-9]+",
        )
    )
)


def fold(name: str) -> str:
    """Replace what was made up by ``*``: ``worker-17`` and ``worker-18`` are one kind of client."""
    return _MADE_UP.sub("*", name) if len(name) <= _LONGEST else OTHER


class Members:
    """Which names are shown. Who is in stays in while he comes back within an hour, whoever else comes and grows."""

    MOST = 32
    STAY = 3600.0

    def __init__(self) -> None:
        self._seen: dict[Name, float] = {}

    def admit(self, names: Sequence[Name]) -> None:
        """Take note of who is there, the most important first; who finds no room is not shown."""
        now = time.monotonic()
        for name in names:
            if name in self._seen:
                self._seen[name] = now
        for name in names:
            if name not in self._seen and self._has_room(now):
                self._seen[name] = now

    def __contains__(self, name: Name) -> bool:
        return name in self._seen

    def _has_room(self, now: float) -> bool:
        if len(self._seen) < self.MOST:
            return True
        oldest = min(self._seen, key=self._seen.__getitem__)
        if now - self._seen[oldest] < self.STAY:
            return False
        del self._seen[oldest]
        return True
