"""Over which time a dashboard looks, and what Grafana puts in for its own variables. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

from monitor.catalogue import durations

FEWEST_SCRAPES = 4
"""As many as Grafana's $__rate_interval holds at least."""

USUAL = timedelta(hours=6)
"""What Grafana takes where nothing is said."""


def span_of(text: str) -> timedelta:
    """How far back ``now-6h`` is."""
    found = re.fullmatch(r"now-(\d+[smhdw])", text)
    return durations.parse(found[1]) if found else USUAL


def built_in(span: timedelta, step: timedelta, scrape: timedelta) -> dict[str, str]:
    """The values of Grafana's own variables: a rate is taken over a step and a scrape, and at least four scrapes."""
    rate = max(step + scrape, FEWEST_SCRAPES * scrape)
    return {"__interval": _whole(step), "__rate_interval": _whole(rate), "__range": _whole(span)}


def _whole(span: timedelta) -> str:
    return f"{max(1, round(span.total_seconds()))}s"
