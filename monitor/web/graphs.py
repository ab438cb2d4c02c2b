"""The graph of an alert: asks Prometheus for what its expression measures, and marks what happened meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from monitor.catalogue.comparison import Comparison, comparison
from monitor.catalogue.model import Catalogue
from monitor.render import chart_svg
from monitor.render.chart_model import Event, Line, Look
from monitor.render.chart_scale import Window
from monitor.render.rules import all_alerts
from monitor.sources.prometheus import Prometheus, Series
from monitor.store import Record
from monitor.store_alerts import AlertRecord

POINTS = 360
MOST_LINES = 12
"""More than this nobody can tell apart; the page says how many there are."""
WIDTH, HEIGHT = 880, 250
FIRING = "red"
BUILDS = "count by (version) (app_build_info)"
EARLY, LATE = timedelta(hours=1), timedelta(minutes=10)
"""What is drawn around an episode: an hour before it, ten minutes after."""

RANGES = {"episode": timedelta(0), "24h": timedelta(hours=24), "30d": timedelta(days=30)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A graph with what has to be said beside it; ``svg`` is empty where nothing was measured."""

    svg: Markup
    query: str
    more: int
    """How many lines were left out."""
    events: tuple[Event, ...]
    """Deploys and drills that are marked, to be told in words as well: a phone has no pointer to rest on them."""


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
    events: Iterable[Event],
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
    # Side by side: a Prometheus that is slow is waited for once.
    with ThreadPoolExecutor(3, thread_name_prefix="graph") as asking:
        queries = (what.query, what.limit, BUILDS)
        asked = [asking.submit(prometheus.range, query, start, end, step) if query else None for query in queries]
    measured, threshold, builds = (one.result() if one else () for one in asked)
    lines, limits = _of_alert(measured, alert.labels), _of_alert(threshold, alert.labels)
    window = Window(start=start.timestamp(), end=end.timestamp(), step=step.total_seconds())
    marked = (*events, *_deploys(builds))
    seen = tuple(one for one in marked if one.start <= window.end and (one.end or one.start) >= window.start)
    drawn = [_line(_name(one.labels), one) for one in lines[:MOST_LINES]]
    drawn += [_line("threshold", one, colour="bad") for one in limits[:MOST_LINES]]
    svg = chart_svg.graph(drawn, window, _look(what, len(lines)), seen, ZoneInfo(time_zone))
    named = tuple(one for one in seen if one.colour != FIRING)
    anything = any(line.last is not None for line in drawn)
    return Drawing(svg=svg if anything else Markup(), query=expr, more=max(len(lines) - MOST_LINES, 0), events=named)


def _look(what: Comparison, lines: int) -> Look:
    held = "" if what.threshold is None else f", held against {what.threshold:g}"
    steps = ((None, "text"), *(((what.threshold, "red"),) if what.threshold is not None else ()))
    title = f"{lines} measured lines{held}"
    return Look(title=title, steps=steps, draw_thresholds=True, width=WIDTH, height=HEIGHT)


def _line(name: str, series: Series, *, colour: str = "") -> Line:
    return Line(name=name, points=tuple((at.timestamp(), value) for at, value in series.points), colour=colour)


def _of_alert(found: Iterable[Series], labels: Mapping[str, str]) -> tuple[Series, ...]:
    """The series that the alert is about: those that contradict none of its labels, if any are left."""
    series = tuple(found)
    own = tuple(one for one in series if all(labels.get(name, value) == value for name, value in one.labels.items()))
    return own or series


def _name(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "value"


def _deploys(builds: Iterable[Series]) -> Iterator[Event]:
    """When a version of the app was first seen; the first one of all is no deploy."""
    found = sorted(builds, key=lambda series: series.points[0])
    for series in found[1:]:
        name = f"deploy {series.labels.get('version', '')}"
        yield Event(name=name, start=series.points[0][0].timestamp(), end=None, colour="blue")


def events_of(episodes: Iterable[AlertRecord], drills: Iterable[Record], now: datetime) -> tuple[Event, ...]:
    """Episodes of the alert, and drills."""
    firing = ((one.starts_at.timestamp(), (one.ends_at or now).timestamp()) for one in episodes)
    return (
        *(Event(name="firing", start=start, end=end, colour=FIRING) for start, end in firing),
        *(
            Event(name=f"drill {one.body.get('drill', '')}", start=one.at.timestamp(), end=None, colour="purple")
            for one in drills
        ),
    )
