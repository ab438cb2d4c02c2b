"""Native histograms: since when Prometheus can be relied on with them, and such samples for tests. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from monitor.catalogue.model import Environment, RatioSli, Slo
from monitor.catalogue.terms import Term, reads_native

SINCE = (3, 0)
"""The first Prometheus that is asked to count native histograms. They began as an experiment in 2.40; tried on 2.42,
``last_over_time`` knows none, so every step would look like a restart, and promtool cannot make them up for a test.
(Before 3.0, too, a threshold between two edges was interpolated otherwise:
https://prometheus.io/docs/specs/native_histograms/.)"""

_SCHEMA = 8
"""The finest buckets there are, 0.27 % wide, so that one lies within any bounds that a person writes."""
_AROUND_ZERO = "1e-09"
"""Half the width of the bucket around zero: less than any latency."""


def queries(slo: Slo) -> Iterator[str]:
    """Everything that an SLO asks of raw metrics."""
    sli = slo.sli
    yield from (
        (text for text in (sli.good, sli.bad, sli.total, sli.probe) if text)
        if isinstance(sli, RatioSli)
        else (sli.query,)
    )


def is_native(slo: Slo) -> bool:
    """Whether an SLO counts any native histogram."""
    return any(map(reads_native, queries(slo)))


def can_be_tested(slo: Slo, environment: Environment) -> bool:
    """Whether the environment's promtool can make up the series that an SLO counts."""
    return is_supported(environment.prometheus_version) or not is_native(slo)


def is_supported(version: str) -> bool:
    """Whether a Prometheus of this version can count native histograms."""
    return tuple(int(part) for part in version.split(".") if part.isdigit()) >= SINCE


def sample(events: tuple[int, int], term: Term) -> str:
    """A sample of so many events within a term's bounds and so many others, in promtool's notation."""
    inside, outside = events
    if not term.is_native:
        return str(inside + outside)
    if term.bounds is None:
        return _histogram(zero=inside + outside, bucket=0, index=0)
    low, high = term.bounds
    if low <= 0:
        return _histogram(zero=inside, bucket=outside, index=_bucket_above(high))
    return _histogram(zero=outside, bucket=inside, index=_bucket_above(low))


def _bucket_above(value: float) -> int:
    """The first bucket that lies above a value as a whole."""
    return math.ceil(math.log2(value) * (1 << _SCHEMA)) + 1


def _histogram(*, zero: int, bucket: int, index: int) -> str:
    parts = [f"schema:{_SCHEMA}", f"count:{zero + bucket}", f"z_bucket:{zero}", f"z_bucket_w:{_AROUND_ZERO}"]
    return "{{" + " ".join([*parts, f"offset:{index}", f"buckets:[{bucket}]"]) + "}}"
