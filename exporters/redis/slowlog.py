"""The slow log as counters. Its ids rise from 0 since Redis started, also when it is emptied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from exporters.readings import OTHER, Readings
from exporters.redis import families as f
from exporters.redis.shape import whole
from exporters.redis.wire import Reply


class SlowLog:
    """What is known of one server's slow log. A server that restarted gets a new one, so counters start anew with it.

    Each scrape reads the newest entry only; when its id says that there were more, those are read as well. So the
    commands' arguments, which can be anything that the application stores, hardly ever travel.
    """

    MOST = 128
    """Entries read at once; what is beyond is counted without a name."""

    def __init__(self) -> None:
        self._last: int | None = None
        """The newest id, -1 where the log was empty so far, ``None`` before anything was read."""
        self._zero = 0
        """The first id that is counted."""
        self._seconds = 0.0
        self._counts: Counter[str] = Counter()
        self._microseconds: Counter[str] = Counter()
        self._shown: set[str] = set()

    def missing(self, newest: Reply) -> int:
        """Tell how many entries must be read before ``count`` knows all; 0 when ``newest`` is enough."""
        match newest:
            case [[int(number), *_], *_] if self._last is not None and number - self._last > 1:
                return min(number - self._last, self.MOST)
        return 0

    def count(self, entries: Sequence[Reply], commands: Collection[str]) -> None:
        """Count what is new; ``commands`` are the only names that may become a label.

        What stood in the log when watching began is not counted: another exporter may have counted it already.
        """
        before = self._last
        if not entries:
            self._last = -1 if before is None else before
            return
        last, seconds = whole(entries[0][0]), whole(entries[0][2]) / 1e6
        fresh = [] if before is None else _fresh(entries, before, commands)
        self._last, self._seconds = last, seconds
        if before is None:
            return
        if before < 0:
            # An empty log may once have been full, which its first id tells too late: to count these now would show
            # all that was ever slow as slow in this moment.
            self._zero = entries[-1][0]
        for name, microseconds in fresh:
            self._counts[name] += 1
            self._microseconds[name] += microseconds
        if before >= 0 and (unread := last - before - len(fresh)) > 0:
            self._counts[OTHER] += unread

    def write(self, readings: Readings) -> None:
        """Write the counters. A command's first appearance is at 0, so that its first slow run counts in ``rate``."""
        if self._last is None:
            return
        readings.add(f.SLOWLOG_ENTRIES, self._last + 1 - self._zero)
        if self._last >= 0:
            readings.add(f.SLOWLOG_LAST_ID, self._last)
            readings.add(f.SLOWLOG_LAST_SECONDS, self._seconds)
        for name in self._counts:
            known = name in self._shown
            readings.add(f.SLOW_COMMANDS, self._counts[name] if known else 0, name)
            readings.add(f.SLOW_SECONDS, self._microseconds[name] / 1e6 if known else 0, name)
        self._shown.update(self._counts)


def _fresh(entries: Sequence[Reply], before: int, commands: Collection[str]) -> list[tuple[str, int]]:
    return [(_name(entry[3], commands), whole(entry[2])) for entry in entries if whole(entry[0]) > before]


def _name(arguments: Sequence[str], commands: Collection[str]) -> str:
    """Name the command of an entry as INFO does."""
    words = [str(word).lower() for word in arguments[:2]]
    for name in ("|".join(words), words[0] if words else ""):
        if name in commands:
            return name
    return OTHER
