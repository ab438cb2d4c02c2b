"""Declares families: type and unit follow from the name, so that they cannot contradict it."""

from __future__ import annotations

from telemetry.metric import Cost, Metric, MetricType

_UNITS = ("seconds", "bytes", "ratio")
_additive: set[str] = set()


def adds_up(metric: Metric) -> bool:
    """Tell whether a sum over all series of this family means something: then those past its budget are summed up."""
    return metric.type in {"counter", "histogram"} or metric.name in _additive


def family(
    name: str,
    text: str,
    *labels: str,
    kind: MetricType | None = None,
    buckets: tuple[float, ...] = (),
    source: str = "",
    cost: Cost = "fast",
    like: tuple[str, ...] = (),
    additive: bool = False,
) -> Metric:
    """Declare one family.

    What ends in ``_total`` is a counter, what has ``buckets`` a histogram, everything else a gauge unless ``kind``
    says otherwise. ``like`` names the exporters that have the very same family. ``additive`` marks a gauge of which
    the sum over all series means something (connections, keys; not ratios, ages or states).
    """
    if additive:
        _additive.add(name)
    derived: MetricType = "counter" if name.endswith("_total") else "histogram" if buckets else "gauge"
    stem = name.removesuffix("_total")
    return Metric(
        name=name,
        type=kind or derived,
        unit=next((unit for unit in _UNITS if stem.endswith(f"_{unit}")), ""),
        help=text,
        labels=labels,
        buckets=buckets,
        source=source,
        cost=cost,
        compatible_with=like,
    )
