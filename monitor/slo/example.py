"""Series that an SLI would count, made up for tests: so many good and bad events, so what do counters show? Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import promql_parser as ql

from monitor.catalogue.model import RatioSli, Slo, ThresholdSli
from monitor.catalogue.promql import counters, selectors

_TARGET = {"job": "made-up", "instance": "made-up"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A number of evaluation steps in which the same happens. ``reset``: every counter starts anew before the first."""

    steps: int
    good: int = 0
    bad: int = 0
    absent: bool = False
    reset: bool = False
    probe: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One input series in promtool's notation."""

    series: str
    values: str


def can_be_made_up(slo: Slo) -> bool:
    """Whether one series decides what the SLI says; a gauge computed from several cannot be set at will."""
    if isinstance(slo.sli, RatioSli):
        return True
    expr = ql.parse(slo.sli.query)
    if isinstance(expr, ql.AggregateExpr) and str(expr.op) in {"max", "min", "avg", "sum"}:
        expr = expr.expr
    return isinstance(expr, ql.VectorSelector)


def input_series(slo: Slo, phases: Iterable[Phase]) -> tuple[Series, ...]:
    """What would be scraped if these phases happened, one sample a step, after a first sample in which nothing has."""
    phases = tuple(phases)
    made = [_counter(labels, gains, phases) for labels, gains in _counters(slo, phases)]
    if isinstance(slo.sli, ThresholdSli):
        made = [_gauge(slo.sli, phases)]
    made.append(Series(series=_text("up", _TARGET), values=f"1x{sum(phase.steps for phase in phases)}"))
    if isinstance(slo.sli, RatioSli) and slo.sli.probe:
        probe = " ".join(f"{phase.probe}x{phase.steps - 1}" for phase in phases)
        made.append(Series(series=_example(slo.sli.probe), values=f"1 {probe}"))
    return tuple(made)


def _counters(slo: Slo, phases: tuple[Phase, ...]) -> list[tuple[str, list[int]]]:
    sli = slo.sli
    if isinstance(sli, ThresholdSli):
        return []
    total = counters(sli.total)[0]
    if sli.good:
        return [
            (_example(counters(sli.good)[0]), [phase.good for phase in phases]),
            (_example(total), [phase.good + phase.bad for phase in phases]),
        ]
    bad = counters(sli.bad)[0]
    bad_is_counted = _matches(total, bad)
    return [
        (_example(bad), [phase.bad for phase in phases]),
        (_example(total, unlike=bad), [phase.good + (0 if bad_is_counted else phase.bad) for phase in phases]),
    ]


def _counter(series: str, gains: list[int], phases: tuple[Phase, ...]) -> Series:
    value, parts = 1000, ["1000"]
    for phase, gain in zip(phases, gains, strict=True):
        if phase.absent:
            parts.append("stale" if phase.steps == 1 else f"stale _x{phase.steps - 1}")
            continue
        value = gain if phase.reset else value + gain
        parts.append(f"{value}+{gain}x{phase.steps - 1}")
        value += gain * (phase.steps - 1)
    return Series(series=series, values=" ".join(parts))


def _gauge(sli: ThresholdSli, phases: tuple[Phase, ...]) -> Series:
    beyond = sli.value * 2 + 1
    low, high = Decimal(0), beyond
    good, bad = (low, high) if sli.op in {"lt", "lte"} else (high, low)
    parts = [str(good)]
    for phase in phases:
        if phase.absent:
            parts.append("stale" if phase.steps == 1 else f"stale _x{phase.steps - 1}")
        else:
            parts.append(f"{bad if phase.bad else good}x{phase.steps - 1}")
    return Series(series=_example(sli.query), values=" ".join(parts))


def _example(query: str, *, unlike: str = "") -> str:
    """A series that the query's first selector matches and, where possible, the ``unlike`` selector does not."""
    selector = next(selectors(ql.parse(query)))
    labels = dict(_TARGET)
    if unlike:
        other = next(selectors(ql.parse(unlike)))
        labels |= {matcher.name: "other" for matcher in other.matchers.matchers}
    labels |= {matcher.name: _sample(str(matcher.op), str(matcher.value)) for matcher in selector.matchers.matchers}
    return _text(str(selector.name), labels)


def _sample(operator: str, value: str) -> str:
    if operator == "MatchOp.Equal":
        return value
    if operator == "MatchOp.Re":
        return re.sub(r"\.[*+]", "made-up", value.split("|", maxsplit=1)[0]).replace("\\", "")
    return "other"


def _matches(selector: str, series: str) -> bool:
    """Whether what ``series`` selects by equality is selected by ``selector`` as well."""
    wide, narrow = (next(selectors(ql.parse(text))) for text in (selector, series))
    labels = {matcher.name: _sample(str(matcher.op), str(matcher.value)) for matcher in narrow.matchers.matchers}
    return wide.name == narrow.name and all(
        _accepts(str(matcher.op), str(matcher.value), labels.get(matcher.name, ""))
        for matcher in wide.matchers.matchers
    )


def _accepts(operator: str, value: str, label: str) -> bool:
    hit = label == value if operator in {"MatchOp.Equal", "MatchOp.NotEqual"} else bool(re.fullmatch(value, label))
    return hit if operator in {"MatchOp.Equal", "MatchOp.Re"} else not hit


def _text(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}"
