"""Asks a Prometheus what a board's panels and marks ask, for drawing them without Grafana."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from monitor.render.chart_model import Answer
from monitor.render.chart_scale import Window
from monitor.render.dashboard_page import Heard
from monitor.render.dashboards_marks import BACKUP, MARKS
from monitor.render.dashboards_model import Board
from monitor.render.dashboards_promql import replaced
from monitor.render.dashboards_window import built_in, built_in_now
from monitor.sources.measured import AT_ONCE
from monitor.sources.prometheus import Prometheus, Sample, Series

POINTS = 300
"""About one for every second pixel of a graph of a third of a screen."""


def ask(
    prometheus: Prometheus,
    board: Board,
    end: datetime,
    span: timedelta,
    scrape: timedelta,
    chosen: Mapping[str, str] | None = None,
) -> Heard:
    """Ask everything that a board shows over the time before ``end``; ``chosen`` are values of its variables.

    Raises:
        Unavailable: Prometheus cannot be reached in time, or refuses a query.
    """
    step = max(scrape, timedelta(seconds=round(span.total_seconds() / POINTS)))
    span = span // step * step  # whole steps: the last point is of now
    choices = dict(chosen or {})
    values, values_now = built_in(span, step, scrape) | choices, built_in_now(span, scrape) | choices
    # A figure is of now, and has its course below it.
    graphs = {query.expr for panel in board.panels if not panel.now or panel.kind == "stat" for query in panel.queries}
    figures = {query.expr for panel in board.panels if panel.now for query in panel.queries}
    marks = {mark.expr for mark in MARKS if mark is not BACKUP or board.marks_backups}

    def over_time(expr: str) -> tuple[str, list[Answer]]:
        return expr, _lines(prometheus.range(replaced(expr, values), end - span, end, step))

    def at_the_end(expr: str) -> tuple[str, list[Answer]]:
        return expr, _values(prometheus.instant(replaced(expr, values_now), end))

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prometheus") as pool:
        answers = dict(pool.map(over_time, sorted(graphs | marks)))
        now = dict(pool.map(at_the_end, sorted(figures)))
    window = Window(start=(end - span).timestamp(), end=end.timestamp(), step=step.total_seconds())
    return Heard(window=window, answers=answers, now=now, source=prometheus.place)


def _lines(found: Iterable[Series]) -> list[Answer]:
    return [
        Answer(labels=dict(series.labels), points=tuple((at.timestamp(), value) for at, value in series.points))
        for series in found
    ]


def _values(found: Iterable[Sample]) -> list[Answer]:
    return [Answer(labels=dict(sample.labels), points=((sample.at.timestamp(), sample.value),)) for sample in found]
