"""What is known of one server for as long as it runs: what it can be asked, and what was counted of it."""

from __future__ import annotations

import time

from exporters.reasons import Reason
from exporters.redis import families as f
from exporters.redis.commands import Commands, Errors
from exporters.redis.config import Config
from exporters.redis.denials import Denials
from exporters.redis.info import Info, Numbers, start_time
from exporters.redis.slowlog import SlowLog
from exporters.redis.source import name_of
from exporters.redis.wire import Command, Refusal

FIRST: Command = ("INFO", "all")
"""What is asked of a server that nothing is known of; every version understands it."""

_MANY_SECTIONS = (7, 0)
_HISTOGRAM = (7, 0)
_CONFIG = (*f.CONFIG_NUMBERS, *f.CONFIG_INFO.labels, "slowlog-log-slower-than")
_START_TOLERANCE = 2.0
"""Redis tells its uptime in whole seconds, so its start time jitters by one; it only moves when Redis restarted."""


class Server:
    """One run of one server, told apart by its ``run_id``: after a restart, what was counted starts anew."""

    def __init__(self, info: Info) -> None:
        self.run_id = info.fields.get("run_id", "")
        self.commands = Commands()
        self.slow_log = SlowLog()
        self.errors = Errors()
        self.numbers = Numbers()
        self.config = Config()
        self._started_at: float | None = None
        self._unknown: set[str] = set()
        self.denials = Denials()
        # Sections by name leave out the percentiles of each command: they cost Redis as much as all the rest, and
        # percentiles since the start are of little use beside a histogram.
        self.info: Command = ("INFO", "default", "commandstats") if info.version >= _MANY_SECTIONS else FIRST
        self._questions = _questions(info)

    def is_still(self, info: Info) -> bool:
        """Tell whether this is the server that ``info`` speaks of."""
        return self.run_id == info.fields.get("run_id", "")

    def questions(self) -> tuple[Command, ...]:
        """What to ask beside INFO, without that which this server does not know or, of late, did not allow."""
        if not (self._unknown or self.denials):
            return self._questions
        return tuple(
            command
            for command in self._questions
            if (name := name_of(command)) not in self._unknown and not self.denials.pauses(name)
        )

    def refused(self, command: Command, refusal: Refusal) -> None:
        """Remember that a question was not answered, so that it does not fail in every scrape."""
        if refusal.reason is Reason.DENIED:
            self.denials.denied(name_of(command))
        elif refusal.reason is Reason.ERROR:
            self._unknown.add(name_of(command))

    def allowed(self, command: Command) -> None:
        """Forget that a question was once denied."""
        if self.denials:
            self.denials.allowed(name_of(command))

    def started_at(self, info: Info) -> float | None:
        """Return when it started; the first answer stands."""
        seen = start_time(info, time.time())
        if seen is not None and (self._started_at is None or abs(seen - self._started_at) > _START_TOLERANCE):
            self._started_at = seen
        return self._started_at


def _questions(info: Info) -> tuple[Command, ...]:
    if info.fields.get("redis_mode") == "sentinel":
        return (("SENTINEL", "MASTERS"),)
    names = tuple(label.replace("_", "-") for label in _CONFIG)
    config: tuple[Command, ...] = tuple(("CONFIG", "GET", name) for name in names)
    return (
        *((("CONFIG", "GET", *names),) if info.version >= _MANY_SECTIONS else config),
        ("SLOWLOG", "LEN"),
        ("SLOWLOG", "GET", "1"),
        ("LATENCY", "LATEST"),
        *((("LATENCY", "HISTOGRAM"),) if info.version >= _HISTOGRAM else ()),
        *((("CLUSTER", "INFO"),) if info.fields.get("cluster_enabled") == "1" else ()),
    )
