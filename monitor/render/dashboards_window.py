"""Over which time a dashboard looks, and what Grafana puts in for its own variables. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

from monitor.catalogue import durations

FEWEST_SCRAPES = 4
"""As many as Grafana's $__rate_interval holds at least."""

FINEST = 11_000
"""As many points as Prometheus answers at most, which is where Grafana ends too. An instant query has but one; asked
for so many, its rate is of as short a time as can be: a minute where up to two days are shown, five of a month."""

USUAL = timedelta(hours=6)
"""What Grafana takes where nothing is said."""


def span_of(text: str) -> timedelta:
    """How far back ``now-6h`` is."""
    found = re.fullmatch(r"now-(\d+[smhdw])", text)
    return durations.parse(found[1]) if found else USUAL


def built_in(span: timedelta, step: timedelta, scrape: timedelta) -> dict[str, str]:
    """The values of Grafana's own variables: a rate is taken over a step and a scrape, and at least four scrapes."""
    rate = max(step + scrape, FEWEST_SCRAPES * scrape)
    milliseconds = str(round(step.total_seconds() * 1000))
    return {
        "__interval": _whole(step),
        "__interval_ms": milliseconds,
        "__rate_interval": _whole(rate),
        "__range": _whole(span),
    }


def built_in_now(span: timedelta, scrape: timedelta) -> dict[str, str]:
    """The values of Grafana's own variables in a query for now."""
    return built_in(span, max(scrape, span / FINEST), scrape)


def _whole(span: timedelta) -> str:
    return f"{max(1, round(span.total_seconds()))}s"
