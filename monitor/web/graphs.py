"""The graph of an alert: asks Prometheus for what its expression measures, and marks what happened meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from monitor.catalogue.comparison import Comparison, comparison
from monitor.catalogue.model import Catalogue
from monitor.render.graph import MOST_LINES, Graph, Mark, draw
from monitor.render.rules import all_alerts
from monitor.sources.prometheus import Prometheus, Series
from monitor.store import AlertRecord, Record

POINTS = 360
BUILDS = "count by (version) (app_build_info)"
EARLY, LATE = timedelta(hours=1), timedelta(minutes=10)
"""What is drawn around an episode: an hour before it, ten minutes after."""

RANGES = {"episode": timedelta(0), "24h": timedelta(hours=24), "30d": timedelta(days=30)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A graph with what has to be said beside it; ``svg`` is empty where nothing was measured."""

    svg: Markup
    query: str
    lines: int = 0


def expression(alert: AlertRecord, catalogue: Catalogue) -> str:
    """The alert's expression: the catalogue's, or for another team's alert what its annotation says."""
    labels = alert.labels
    for rule in all_alerts(catalogue):
        same = rule.labels.get("slo") == labels.get("slo") and rule.severity == labels.get("severity", rule.severity)
        if rule.name == labels.get("alertname") and same:
            return rule.expr
    return alert.annotations.get("query", "")


def span(alert: AlertRecord, chosen: str, now: datetime) -> tuple[datetime, datetime]:
    """From when to when is drawn."""
    if RANGES.get(chosen):
        return now - RANGES[chosen], now
    end = min(alert.ends_at + LATE, now) if alert.ends_at else now
    return max(alert.starts_at - EARLY, end - RANGES["30d"]), end


def drawing(
    prometheus: Prometheus,
    alert: AlertRecord,
    expr: str,
    *,
    between: tuple[datetime, datetime],
    marks: Iterable[Mark],
    scrape_interval: timedelta,
    time_zone: str,
) -> Drawing | None:
    """Ask and draw; ``None`` where the alert has no expression that could be drawn.

    Raises:
        Unavailable: Prometheus cannot be reached in time, or refuses.
    """
    try:
        what = comparison(expr)
    except ValueError:
        return None
    start, end = between
    step = max((end - start) / POINTS, scrape_interval, timedelta(seconds=1))
    lines = _of_alert(prometheus.range(what.query, start, end, step), alert.labels)
    limits = _of_alert(prometheus.range(what.limit, start, end, step), alert.labels) if what.limit else ()
    graph = Graph(
        start=start,
        end=end,
        lines=[(_name(series.labels), series.points) for series in lines],
        threshold=what.threshold,
        limits=[series.points for series in limits],
        sign=what.sign,
        marks=(*marks, *_deploys(prometheus, start, end, step)),
        gap=max(3 * step, timedelta(minutes=1)),
        time_zone=time_zone,
    )
    return Drawing(svg=draw(graph, _title(what, graph)), query=expr, lines=max(len(lines) - MOST_LINES, 0))


def _title(what: Comparison, graph: Graph) -> str:
    held = "" if what.threshold is None else f", held against {what.threshold:g}"
    return f"{len(graph.lines)} measured lines{held}"


def _of_alert(found: Iterable[Series], labels: Mapping[str, str]) -> tuple[Series, ...]:
    """The series that the alert is about: those that contradict none of its labels, if any are left."""
    series = tuple(found)
    own = tuple(one for one in series if all(labels.get(name, value) == value for name, value in one.labels.items()))
    return own or series


def _name(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "value"


def _deploys(prometheus: Prometheus, start: datetime, end: datetime, step: timedelta) -> Iterator[Mark]:
    """When a version of the app was first seen; the first one of all is no deploy."""
    found = sorted(prometheus.range(BUILDS, start, end, step), key=lambda series: series.points[0])
    for series in found[1:]:
        yield Mark(at=series.points[0][0], kind="deploy", text=f"deploy {series.labels.get('version', '')}")


def marks_of(episodes: Iterable[AlertRecord], drills: Iterable[Record]) -> tuple[Mark, ...]:
    """Episodes of the alert, and drills."""
    return (
        *(Mark(at=one.starts_at, until=one.ends_at, kind="firing") for one in episodes),
        *(Mark(at=one.at, kind="drill", text=f"drill {one.body.get('drill', '')}") for one in drills),
    )
