"""Asking a running Prometheus for a dashboard's panels and variables, as Grafana would, many at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from monitor import clock
from monitor.sources.measured import Measured, Window, measure_all
from monitor.sources.prometheus import Prometheus
from tests.dashboard_files import FILES, Query, load, queries

WINDOW = timedelta(minutes=5)
STEP = timedelta(seconds=15)
BY_A_DRILL = ("first_drill", "first_alert", "first_answer")
"""What panels are empty until: a drill makes an alert, and somebody answers it."""


def asked(*, empty_until: Iterable[str]) -> list[Query]:
    """What panels and variables ask that may be empty until one of these events; "" is never."""
    wanted = set(empty_until)
    every = [query for file in FILES for query in queries(load(file)) if query.kind != "annotation"]
    return [query for query in every if query.empty_until in wanted]


def marks() -> list[Query]:
    """What is marked on graphs: the same on every dashboard."""
    return [query for query in queries(load(FILES[0])) if query.kind == "annotation"]


def without_data(stack: Any, waiting: list[Query], *, within_s: float) -> list[str]:
    """The queries that still have nothing to show after this time."""
    deadline = time.monotonic() + within_s
    with Prometheus(stack.layout.url("prometheus")) as prometheus:
        while True:
            answers = answered(prometheus, waiting)
            waiting = [query for query, answer in zip(waiting, answers, strict=True) if not answer.series]
            if not waiting or time.monotonic() > deadline:
                return [str(query) for query in waiting]
            time.sleep(3)


def answered(prometheus: Prometheus, asked: list[Query]) -> list[Measured]:
    """The answers, each of them one that Prometheus understood."""
    end = clock.now()
    window = Window(start=end - WINDOW, end=end, step=STEP)
    answers = measure_all(prometheus, [(query.expr, None if query.instant else window) for query in asked])
    refused = [f"{query}: {answer.refused}" for query, answer in zip(asked, answers, strict=True) if answer.refused]
    assert refused == []
    return answers
