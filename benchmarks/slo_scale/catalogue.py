"""A thousand SLOs of which no two are alike: every kind of indicator, window and budgeting, few objectives twice."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from monitor.catalogue.load import BUNDLED

SEED = 4
AREAS = ("booking", "billing", "calendar", "identity", "messages", "patients", "records", "search", "triage", "video")
THINGS = ("api", "cache", "export", "gateway", "import", "index", "queue", "reader", "store", "worker")
EDGES = (0.05, 0.1, 0.2, 0.5, 1, 2.5)

ROLLING = ("7d", "14d", "28d", "30d", "4w", "90d")
CALENDAR = ("1w", "1M", "1Q")
OBJECTIVES = (95.0, 99.99)
"""From which to which percent: below, the fastest alert could never fire; above, two scrapes would spend a week."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What differs between kinds of SLOs: how it is budgeted, its indicator, and what its objective adds."""

    method: str
    indicator: dict[str, Any]
    compared: dict[str, Any] = field(default_factory=dict)
    counters: tuple[str, ...] = ()
    gauges: tuple[str, ...] = ()
    """The series that it reads, as its service would expose them."""


@dataclass(frozen=True, slots=True)
class Made:
    """One SLO as OpenSLO, and the series that it reads."""

    document: dict[str, Any]
    shape: Shape


def slos(count: int) -> tuple[Made, ...]:
    """So many SLOs, the same each time."""
    choose = random.Random(SEED)  # a benchmark, no secret
    return tuple(_slo(number, choose) for number in range(count))


def write(root: Path, made: tuple[Made, ...], *, one_file: bool = False) -> None:
    """Write a catalogue with these SLOs, each in a file of its own or all in one, and every metric declared."""
    (root / "slos").mkdir(parents=True)
    (root / "metrics").mkdir()
    source = {
        "apiVersion": "openslo/v1",
        "kind": "DataSource",
        "metadata": {"name": "prometheus"},
        "spec": {"type": "Prometheus", "connectionDetails": {"note": "none"}},
    }
    (root / "slos" / "sources.yaml").write_text(_yaml(source))
    (root / "contacts.yaml").write_text((BUNDLED / "contacts.yaml").read_text())
    (root / "metrics" / "services.json").write_text(json.dumps({"producer": "services", "metrics": list(_metrics())}))
    texts = {f"{one.document['metadata']['name']}.yaml": _yaml(one.document) for one in made}
    if one_file:
        texts = {"all.yaml": "---\n".join(texts.values())}
    for name, text in texts.items():
        (root / "slos" / name).write_text(text)


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, width=120)


def _slo(number: int, choose: random.Random) -> Made:
    area, thing = choose.choice(AREAS), choose.choice(THINGS)
    name = f"{area}-{thing}-{number:04}"
    shape = choose.choice(SHAPES)(f"{area}_{thing}", f'service="{name}",region="r{number % 7}"', choose)
    target = {"targetPercent": round(choose.uniform(*OBJECTIVES), 3)}
    document = {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {
            "name": name,
            "displayName": f"{area.capitalize()} {thing} {number}",
            "annotations": {"impact": f"Whoever uses {area} waits for the {thing} or sees an error ({number})."},
        },
        "spec": {
            "description": f"The {thing} of {area} answers region {number % 7}.",
            "service": f"{area}-{thing}",
            "budgetingMethod": shape.method,
            "timeWindow": [_window(choose)],
            "objectives": [target | shape.compared],
            "indicator": {"metadata": {"name": f"{name}-sli"}, "spec": shape.indicator},
        },
    }
    return Made(document=document, shape=shape)


def _window(choose: random.Random) -> dict[str, Any]:
    if choose.random() < 0.8:  # four of five, as people do it
        return {"duration": choose.choice(ROLLING), "isRolling": True}
    begin = {"startTime": "2026-01-05 00:00:00", "timeZone": "Europe/Berlin"}
    return {"duration": choose.choice(CALENDAR), "calendar": begin}


def _query(query: str, **more: str) -> dict[str, Any]:
    spec = {"query": query, **more}
    return {"metricSource": {"metricSourceRef": "prometheus", "type": "Prometheus", "spec": spec}}


def _failed(base: str, labels: str, choose: random.Random, **more: str) -> Shape:
    broken = choose.choice(('code=~"5.."', 'code="500"', 'code=~"500|502|503"'))
    total = f"sum({base}_requests_total{{{labels}}})"
    parts = {"bad": _query(f"sum({base}_requests_total{{{labels},{broken}}})"), "total": _query(total, **more)}
    return Shape(
        method="Occurrences",
        indicator={"ratioMetric": {"counter": True} | parts},
        counters=tuple(f'{base}_requests_total{{{labels},code="{code}"}}' for code in (200, 500)),
    )


def _probed(base: str, labels: str, choose: random.Random) -> Shape:
    probe = f"{base}_probe_success{{{labels}}}"
    found = _failed(base, labels, choose, probe=probe)
    return Shape(found.method, found.indicator, counters=found.counters, gauges=(probe,))


def _sliced(base: str, labels: str, choose: random.Random) -> Shape:
    found = _failed(base, labels, choose)
    if choose.random() < 0.5:  # one of two
        return Shape("RatioTimeslices", found.indicator, {"timeSliceWindow": "1m"}, found.counters)
    slices = {"timeSliceTarget": choose.choice((0.9, 0.95, 0.99)), "timeSliceWindow": choose.choice(("1m", "5m"))}
    return Shape("Timeslices", found.indicator, slices, found.counters)


def _served(base: str, labels: str, _: random.Random) -> Shape:
    good, lost = (f"{base}_jobs_{word}_total{{{labels}}}" for word in ("done", "lost"))
    parts = {"good": _query(f"sum({good})"), "total": _query(f"sum({good}) + sum({lost})")}
    return Shape("Occurrences", {"ratioMetric": {"counter": True} | parts}, counters=(good, lost))


def _fast(base: str, labels: str, choose: random.Random) -> Shape:
    edge = choose.choice(EDGES)
    good, total = f'{base}_seconds_bucket{{{labels},le="{edge:g}"}}', f"{base}_seconds_count{{{labels}}}"
    parts = {"good": _query(f"sum({good})"), "total": _query(f"sum({total})")}
    return Shape("Occurrences", {"ratioMetric": {"counter": True} | parts}, counters=(good, total))


def _mean(base: str, labels: str, choose: random.Random) -> Shape:
    added, count = f"{base}_seconds_sum{{{labels}}}", f"{base}_seconds_count{{{labels}}}"
    query = f"sum(rate({added}[1m])) / sum(rate({count}[1m]))"
    return _held(query, round(choose.uniform(0.01, 2), 3), counters=(added, count))


def _low(base: str, labels: str, choose: random.Random) -> Shape:
    gauge = f"{base}_backlog{{{labels}}}"
    return _held(f"max({gauge})", choose.randrange(1, 5000), gauges=(gauge,))


def _young(base: str, labels: str, choose: random.Random) -> Shape:
    gauge = f"{base}_last_success_timestamp_seconds{{{labels}}}"
    return _held(f"time() - max({gauge})", choose.randrange(60, 90_000), gauges=(gauge,))


def _held(query: str, most: float, **series: tuple[str, ...]) -> Shape:
    """A gauge that must stay below something, judged each minute."""
    compared = {"op": "lt", "value": most, "timeSliceTarget": 1, "timeSliceWindow": "1m"}
    return Shape("Timeslices", {"thresholdMetric": _query(query)}, compared, **series)


SHAPES: tuple[Callable[[str, str, random.Random], Shape], ...] = (
    _failed,
    _probed,
    _sliced,
    _served,
    _fast,
    _mean,
    _low,
    _young,
)


def _metrics() -> Iterator[dict[str, Any]]:
    labels = ["service", "region"]
    kinds = (
        ("requests_total", "counter", {"labels": [*labels, "code"]}),
        ("jobs_done_total", "counter", {"labels": labels}),
        ("jobs_lost_total", "counter", {"labels": labels}),
        ("seconds", "histogram", {"labels": labels, "buckets": list(EDGES)}),
        ("probe_success", "gauge", {"labels": labels}),
        ("backlog", "gauge", {"labels": labels}),
        ("last_success_timestamp_seconds", "gauge", {"labels": labels}),
    )
    for area in AREAS:
        for thing in THINGS:
            for name, kind, more in kinds:
                yield {"name": f"{area}_{thing}_{name}", "type": kind, "help": "Made up."} | more
