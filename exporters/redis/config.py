"""What CONFIG GET tells. It hardly ever changes, so the same answer is read once."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.redis import families as f
from exporters.redis.info import number
from exporters.redis.shape import text
from exporters.redis.wire import Reply

_METRICS = (*f.CONFIG_NUMBERS.values(), f.CONFIG_INFO, f.SLOWLOG_THRESHOLD)


class Config:
    """The configuration of one server."""

    def __init__(self) -> None:
        self._replies: Sequence[Reply] = ()
        self._kept = Readings(_METRICS)

    def write(self, replies: Sequence[Reply], readings: Readings) -> None:
        """Write what these answers say; there are several where one could not ask for all at once."""
        if replies != self._replies:
            self._kept = _read(replies)
            self._replies = replies
        readings.adopt(self._kept)


def _read(replies: Sequence[Reply]) -> Readings:
    readings = Readings(_METRICS)
    config: dict[str, str] = {}
    for flat in replies:
        try:
            config.update(zip(flat[::2], flat[1::2], strict=True))
        except (TypeError, ValueError):
            readings.partial.append(Reason.MALFORMED)
    if not config:
        return readings
    for name, metric in f.CONFIG_NUMBERS.items():
        value = number(config.get(name))
        if value is not None:
            readings.add(metric, value)
    labels = (text(config.get(label.replace("_", "-"), "")) for label in f.CONFIG_INFO.labels)
    readings.add(f.CONFIG_INFO, 1, *labels)
    threshold = number(config.get("slowlog-log-slower-than"))
    if threshold is not None and threshold >= 0:
        readings.add(f.SLOWLOG_THRESHOLD, threshold / 1e6)
    return readings
