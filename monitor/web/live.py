"""Puts present values under the queries of a runbook: whoever reads it at night should not have to paste them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from monitor.catalogue import promql
from monitor.errors import Unavailable
from monitor.render.chart_units import text as said
from monitor.sources.prometheus import Prometheus, Sample
from monitor.web import runbooks

MOST_QUERIES = 20
MOST_ROWS = 10
AT_ONCE = 3
"""Queries of one page that are asked side by side: a hung Prometheus holds as many threads, for each who looks."""


async def render(text: str, prometheus: Prometheus, *, name: str) -> Markup:
    """A runbook of that name as HTML, each query with what it gives right now."""
    asked = runbooks.queries(text)[:MOST_QUERIES]
    until = time.monotonic() + prometheus.timeout_s
    shares = (asyncio.to_thread(_values, prometheus, asked[first::AT_ONCE], until) for first in range(AT_ONCE))
    values = {query: value for share in await asyncio.gather(*shares) for query, value in share.items()}
    return runbooks.render(text, values, name=name)


def _values(prometheus: Prometheus, queries: Sequence[str], until: float) -> dict[str, Markup]:
    """What each query gives; after ``until``, a monotonic time in seconds, nothing more is asked."""
    late = Markup('<p class="live">not asked: Prometheus takes too long</p>')
    return {query: _value(prometheus, query) if time.monotonic() < until else late for query in queries}


def _value(prometheus: Prometheus, query: str) -> Markup:
    try:
        promql.parse(query)
        return _table(prometheus.instant(query))
    except ValueError:
        return Markup()
    except Unavailable as error:
        return Markup('<p class="live">{}</p>').format(str(error))


def _table(found: Sequence[Sample]) -> Markup:
    if not found:
        return Markup('<p class="live">now: nothing</p>')
    if len(found) == 1 and not _labels(found[0].labels):
        return Markup('<p class="live">now: <strong>{}</strong></p>').format(said(found[0].value, "none"))
    rows = Markup("").join(
        Markup("<tr><td>{}</td><td class='number'>{}</td></tr>").format(_labels(one.labels), said(one.value, "none"))
        for one in found[:MOST_ROWS]
    )
    more = f"<p class='live'>and {len(found) - MOST_ROWS} more</p>" if len(found) > MOST_ROWS else ""
    head = "<thead><tr><th scope='col'>now</th><th scope='col' class='number'>value</th></tr></thead>"
    table = Markup("<table class='live'>{}<tbody>{}</tbody></table>{}")
    return table.format(Markup(head), rows, Markup(more))  # noqa: S704  # texts of ours and a number


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "__name__")
