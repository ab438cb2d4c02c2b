"""Asks a Prometheus a query and notes what that cost: time, samples read, series answered."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.sources.prometheus import Prometheus

AT_ONCE = 6
"""Queries under way at a time: about what a browser asks Grafana for at once."""

SLOW_S = 0.1
"""Longer than any of our own queries takes on an idle machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From when to when a graph looks, and how finely."""

    start: datetime
    end: datetime
    step: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """``series`` are those with at least one value that is a number; ``refused`` says why there is no answer."""

    seconds: float
    samples: int
    """Samples that were read, or held at once where that is more; 0 where the server does not say."""
    series: int
    refused: str = ""


def measure(prometheus: Prometheus, promql: str, window: Window | None) -> Measured:
    """Ask over a window, or for now.

    Raises:
        Unavailable: Prometheus cannot be reached in time.
    """
    params = {"query": promql, "stats": "all"}
    if window is not None:
        params |= {
            "start": f"{window.start.timestamp():.3f}",
            "end": f"{window.end.timestamp():.3f}",
            "step": f"{window.step.total_seconds():g}",
        }
    began = time.perf_counter()
    answer = prometheus.get("query" if window is None else "query_range", params)
    seconds = time.perf_counter() - began
    try:
        body: dict[str, Any] = answer.json()
    except ValueError:
        body = {}
    data = body.get("data")
    if not answer.ok or not isinstance(data, dict):
        return Measured(seconds=seconds, samples=0, series=0, refused=str(body.get("error") or answer.reason))
    told = (data.get("stats") or {}).get("samples") or {}
    # Of a subquery only what it hands on is added up; what it holds meanwhile stands in the peak.
    samples = max(int(told.get(name) or 0) for name in ("totalQueryableSamples", "peakSamples"))
    return Measured(seconds=seconds, samples=samples, series=_with_numbers(data))


def measure_all(prometheus: Prometheus, asked: Sequence[tuple[str, Window | None]]) -> list[Measured]:
    """Ask several queries, some at a time; the answers are in their order.

    A slow one is asked again alone, and the faster of both counts: what is measured is the query, not our own crowd.

    Raises:
        Unavailable: as ``measure``.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prometheus") as pool:
        first = list(pool.map(lambda one: measure(prometheus, *one), asked))
    return [
        min(answer, measure(prometheus, *one), key=lambda answer: answer.seconds) if answer.seconds > SLOW_S else answer
        for one, answer in zip(asked, first, strict=True)
    ]


def _with_numbers(data: dict[str, Any]) -> int:
    if data.get("resultType") == "scalar":
        return int(not math.isnan(float(data["result"][1])))
    return sum(1 for row in data["result"] if any(not math.isnan(float(value)) for value in _values(row)))


def _values(row: dict[str, Any]) -> list[str]:
    return [value for _, value in row.get("values") or [row["value"]]]
