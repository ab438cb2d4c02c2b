"""The explicit list of what can be read, and of everything that may appear on the page."""

from __future__ import annotations

from exporters import own
from exporters.blackbox import BlackboxCollector
from exporters.business import BusinessCollector
from exporters.collector import Collector
from exporters.host import HostCollector
from exporters.mongodb import MongodbCollector
from exporters.redis import RedisCollector
from exporters.settings import Settings, SettingsError
from telemetry.metric import Metric

COLLECTORS: tuple[type[Collector], ...] = (
    MongodbCollector,
    RedisCollector,
    HostCollector,
    BusinessCollector,
    BlackboxCollector,
)

METRICS: tuple[Metric, ...] = (*own.METRICS, *(metric for kind in COLLECTORS for metric in kind.metrics))
"""What ``python -m exporters --metrics`` prints."""


def choose(settings: Settings) -> tuple[type[Collector], ...]:
    """Return the collectors to run: the chosen ones, or else each that has something to read.

    Raises:
        SettingsError: a name is unknown, or a chosen collector lacks its flag.
    """
    known = {kind.name: kind for kind in COLLECTORS}
    unknown = [name for name in settings.chosen if name not in known]
    if unknown:
        raise SettingsError(f"collect names {', '.join(unknown)}; there are {', '.join(known)}")
    if not settings.chosen:
        return tuple(kind for kind in COLLECTORS if kind.missing(settings) is None)
    for name in settings.chosen:
        if flag := known[name].missing(settings):
            raise SettingsError(f"collect names {name}, which needs {flag}")
    return tuple(kind for kind in COLLECTORS if kind.name in settings.chosen)
