"""The explicit list of what can be read, and of everything that may appear on the page."""

from __future__ import annotations

from exporters import own
from exporters.blackbox import BlackboxCollector
from exporters.blackbox.journey import JourneyCollector
from exporters.business import BusinessCollector
from exporters.collector import Collector
from exporters.containers import ContainersCollector
from exporters.host import HostCollector
from exporters.mongodb import MongodbCollector
from exporters.mongodb.collstats import CollstatsCollector
from exporters.mongodb.currentop import CurrentopCollector
from exporters.mongodb.dbstats import DbstatsCollector
from exporters.mongodb.indexstats import IndexstatsCollector
from exporters.mongodb.top import TopCollector
from exporters.redis import RedisCollector
from exporters.redis.clients import RedisClientsCollector
from exporters.settings import Settings, SettingsError
from telemetry.metric import Metric

COLLECTORS: tuple[type[Collector], ...] = (
    MongodbCollector,
    DbstatsCollector,
    CollstatsCollector,
    IndexstatsCollector,
    TopCollector,
    CurrentopCollector,
    RedisCollector,
    RedisClientsCollector,
    HostCollector,
    ContainersCollector,
    BusinessCollector,
    BlackboxCollector,
    JourneyCollector,
)

_OF_THE_SERVICE = frozenset({"business"})
"""Speaks of our one service: a named target is a system, whatever runs on it."""

METRICS: tuple[Metric, ...] = (*own.METRICS, *(metric for kind in COLLECTORS for metric in kind.metrics))
"""What ``python -m exporters --metrics`` prints."""


def choose(settings: Settings, *, local: bool = True) -> tuple[type[Collector], ...]:
    """Return the collectors to run.

    ``default`` (also when nothing is chosen) stands for each that has something to read and is not optional, ``all``
    for the optional ones as well; other names are added to these. Without ``local`` these two leave out what reads the
    machine that the exporters run on, and the business figures.

    Raises:
        SettingsError: a name is unknown, or a chosen collector lacks its flag.
    """
    known = {kind.name: kind for kind in COLLECTORS}
    chosen = set(settings.chosen or ("default",))
    unknown = sorted(chosen - known.keys() - {"default", "all"})
    if unknown:
        raise SettingsError(f"collect names {', '.join(unknown)}; there are default, all, {', '.join(known)}")
    for name in chosen & known.keys():
        if flag := known[name].missing(settings):
            raise SettingsError(f"collect names {name}, which needs {flag}")
    return tuple(kind for kind in COLLECTORS if kind.name in chosen or _implied(kind, settings, chosen, local=local))


def _implied(kind: type[Collector], settings: Settings, chosen: set[str], *, local: bool) -> bool:
    if not chosen & {"default", "all"} or kind.missing(settings) is not None:
        return False
    if not local and (kind.name in _OF_THE_SERVICE or kind.missing(Settings()) is None):
        return False  # who has something to read without being told where reads this machine
    return "all" in chosen or not kind.optional
