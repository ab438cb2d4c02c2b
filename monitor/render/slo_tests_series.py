"""Series that an SLI would count, made up for tests: so many good and bad events, so what do counters show? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import promql_parser as ql

from monitor.catalogue.model import Environment, RatioSli, Slo, ThresholdSli
from monitor.catalogue.promql import parse, selectors
from monitor.catalogue.terms import Term, terms
from monitor.render.slo_checks import given, test
from monitor.render.slo_tests_labels import TARGET, example, matches
from monitor.render.slo_tests_labels import labels as labels_of
from monitor.render.slo_tests_labels import series as series_of
from monitor.render.yaml_text import Value
from monitor.slo import native

_AHEAD = Decimal(10_000_000)
_AT_HAND = 128
"""How much is remembered of what queries read: the tests of one SLO ask for it one after another."""

Gain = tuple[int, int]
"""How many events a series gains; of a native histogram, how many within its term's bounds and how many others."""


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
    """Whether what the SLI says can be set at will: counters, one gauge, the age of an instant, or a mean."""
    if isinstance(slo.sli, RatioSli) or mean_of(slo.sli):
        return True
    expr = _judged(slo.sli)
    if isinstance(expr, ql.AggregateExpr) and str(expr.op) in {"max", "min", "avg", "sum"}:
        expr = expr.expr
    return isinstance(expr, ql.VectorSelector)


@lru_cache(maxsize=_AT_HAND)
def mean_of(sli: ThresholdSli) -> tuple[str, str] | None:
    """The sum and the count that a mean per minute divides, where the SLI is one and must stay low; else nothing."""
    found = [selector for selector in selectors(parse(sli.query)) if selector.name]
    named = {str(selector.name).rpartition("_")[2]: str(selector.prettify()) for selector in found}
    bases = {str(selector.name).rpartition("_")[0] for selector in found}
    if set(named) == {"sum", "count"} and len(bases) == 1 and sli.op in {"lt", "lte"}:
        return named["sum"], named["count"]
    return None


def memory(slo: Slo) -> timedelta:
    """For how long an SLI still says what is over: the length of its slices, or of the range that a mean is of."""
    if isinstance(slo.sli, RatioSli):
        return slo.sli.slice or timedelta(0)
    return max(_ranges(parse(slo.sli.query)), default=timedelta(0))


def input_series(slo: Slo, phases: Iterable[Phase], *, others: bool = False) -> tuple[Series, ...]:
    """What would be scraped if these phases happened, one sample a step, after a first sample in which nothing has.

    With ``others`` the counters that bad (or good) is added up from beside the first gain one each step.
    """
    phases = tuple(phases)
    counters = _counters(slo, phases)
    if others and isinstance(slo.sli, RatioSli):
        counters += [(series, [(1, 0)] * len(phases), term) for series, term in _others(slo.sli).items()]
    made = [_counter(labels, gains, phases, term) for labels, gains, term in counters]
    if isinstance(slo.sli, ThresholdSli) and not mean_of(slo.sli):
        made = [_gauge(slo.sli, phases)]
    watched = " ".join(f"{int(not phase.absent)}x{phase.steps - 1}" for phase in phases)
    targets = dict.fromkeys(_target(one.series) for one in made)
    made += [Series(series=series_of("up", dict(target)), values=f"1 {watched}") for target in targets]
    if isinstance(slo.sli, RatioSli) and slo.sli.probe:
        probe = " ".join(f"{phase.probe}x{phase.steps - 1}" for phase in phases)
        made.append(Series(series=probed(slo.sli), values=f"1 {probe}"))
    return tuple(made)


def scenario(
    name: str, slo: Slo, environment: Environment, phases: tuple[Phase, ...], checks: Sequence[Value]
) -> Value:
    """A test in which these phases happen."""
    series = [given(made.series, made.values) for made in input_series(slo, phases)]
    return test(name, slo, environment.evaluation_interval, series, {"promql_expr_test": checks})


def probed(sli: RatioSli) -> str:
    """The series of an SLI's probe."""
    return example(sli.probe)


@lru_cache(maxsize=_AT_HAND)
def others_gain(sli: RatioSli) -> tuple[int, int]:
    """How many more are bad, and how many more there are, in each step in which the other counters gain one."""
    part, whole = terms(sli.good or sli.bad), terms(sli.total)
    mine, all_of_them = (
        sum(matches(term.selector, series) for series in _others(sli) for term in summed) for summed in (part, whole)
    )
    return (all_of_them - mine if sli.good else mine), all_of_them


def moved(slo: Slo, before: Phase, after: Phase) -> tuple[Series, ...]:
    """The same of two phases, but that every counter goes on under one more label from the second one on.

    The other counters gain one each step. The targets of those that bad (or good) is added up from have another series,
    which stays and gains nothing: it is neither of those that end nor of those that are born.
    """
    assert isinstance(slo.sli, RatioSli)
    counters = _counters(slo, (before, after))
    others = [(series, [(1, 0), (1, 0)], term) for series, term in _others(slo.sli).items()]
    made = [one for counter in (*counters, *others) for one in _going_on(*counter, before, after)]
    made += [
        _counter(_with(series, stays="yes"), [(0, 0), (0, 0)], (before, after), term)
        for series, _, term in (counters[0], *others)
    ]
    ended = {one.series for one in made}
    return (*made, *(one for one in input_series(slo, (before, after), others=True) if one.series not in ended))


@lru_cache(maxsize=_AT_HAND)
def _others(sli: RatioSli) -> dict[str, Term]:
    """Series of the counters that bad (or good) is added up from beside the first, and the terms that count them."""
    first, *more = terms(sli.good or sli.bad)
    found: dict[str, Term] = {}
    for term in more:
        _, known, rest, _ = _pair(sli)
        series = example(term.selector)
        if series not in {known, rest and rest.series} and not matches(first.selector, series):
            found.setdefault(series, term)
    return found


def _going_on(series: str, gains: list[Gain], term: Term, before: Phase, after: Phase) -> Iterator[Series]:
    first, then = gains
    yield _counter(series, gains, (before, replace(after, absent=True)), term)
    begun = _more(_more((1000, 0), first, before.steps), then)
    begins, gain = (native.sample(value, term) for value in (begun, then))
    values = f"_x{before.steps + 1} {begins}+{gain}x{after.steps - 1}"
    yield Series(series=_with(series, moved="yes"), values=values)


def _with(series: str, **more: str) -> str:
    return series_of(series.partition("{")[0], labels_of(series) | more)


@lru_cache(maxsize=_AT_HAND)
def _target(series: str) -> tuple[tuple[str, str], ...]:
    """The target that a series says it was scraped from."""
    labels = labels_of(series)
    return tuple((name, labels[name]) for name in TARGET)


def _asked_first(sli: ThresholdSli) -> ql.Expr:
    """The query; of several that stand in for one another (``a or b``) the first: where it answers, no other does."""
    expr = parse(sli.query)
    while isinstance(expr, ql.BinaryExpr) and str(expr.op) == "or":
        expr = expr.lhs
    return expr


def _judged(sli: ThresholdSli) -> ql.Expr:
    """What is held against the value; of ``time() - x`` the instant ``x``."""
    expr = _asked_first(sli)
    return expr.rhs if isinstance(expr, ql.BinaryExpr) and _is_an_age(expr) else expr


def _is_an_age(expr: ql.Expr) -> bool:
    if not isinstance(expr, ql.BinaryExpr) or str(expr.op) != "-":
        return False
    return isinstance(expr.lhs, ql.Call) and expr.lhs.func.name == "time"


def _ranges(expr: ql.Expr) -> Iterator[timedelta]:
    if isinstance(expr, ql.MatrixSelector):
        yield expr.range
    for part in ("lhs", "rhs", "expr"):
        if (inner := getattr(expr, part, None)) is not None:
            yield from _ranges(inner)
    for argument in getattr(expr, "args", ()):
        yield from _ranges(argument)


def _counters(slo: Slo, phases: tuple[Phase, ...]) -> list[tuple[str, list[Gain], Term]]:
    """Series with what each gains in every step of a phase, and the term that counts them."""
    sli = slo.sli
    if isinstance(sli, ThresholdSli):
        return [(series, [(gain, 0) for gain in gains], Term(series)) for series, gains in _mean(sli, phases)]
    split = [(phase.good, phase.bad) if sli.good else (phase.bad, phase.good) for phase in phases]
    part, series, rest, apart = _pair(sli)
    if rest is None:
        return [(series, split, part)]
    others = [(second if apart else first + second, 0) for first, second in split]
    return [(series, [(first, 0) for first, _ in split], part), (rest.series, others, rest.term)]


class _Rest(NamedTuple):
    """A series that the total counts beside the part's, and the term that counts it."""

    series: str
    term: Term


@lru_cache(maxsize=_AT_HAND)
def _pair(sli: RatioSli) -> tuple[Term, str, _Rest | None, bool]:
    """The term and the series of good (or bad) events, those of the rest if there are any, and if they are apart."""
    part, whole = terms(sli.good or sli.bad)[0], terms(sli.total)
    is_counted = any(matches(total.selector, part.selector) for total in whole)
    if is_counted and part.bounds:
        return part, example(part.selector), None, is_counted
    total, series = _other(whole, part, unlike=part.selector if is_counted or sli.bad else "")
    return part, example(part.selector), _Rest(series, total), is_counted


def _other(whole: tuple[Term, ...], part: Term, *, unlike: str) -> tuple[Term, str]:
    """A series of the total that is none of the part's, where there can be one; and the term that counts it."""
    found = [(total, example(total.selector, unlike=unlike)) for total in whole]
    return next((one for one in found if not matches(part.selector, one[1])), found[0])


def _counter(series: str, gains: list[Gain], phases: tuple[Phase, ...], term: Term) -> Series:
    value = (1000, 0)
    parts = [native.sample(value, term)]
    for phase, gain in zip(phases, gains, strict=True):
        if phase.absent:
            parts.append("stale" if phase.steps == 1 else f"stale _x{phase.steps - 1}")
            continue
        value = gain if phase.reset else _more(value, gain)
        parts.append(f"{native.sample(value, term)}+{native.sample(gain, term)}x{phase.steps - 1}")
        value = _more(value, gain, phase.steps - 1)
    return Series(series=series, values=" ".join(parts))


def _more(value: Gain, gain: Gain, times: int = 1) -> Gain:
    return value[0] + gain[0] * times, value[1] + gain[1] * times


def _mean(sli: ThresholdSli, phases: tuple[Phase, ...]) -> list[tuple[str, list[int]]]:
    """Of a mean: good events add nothing, and each bad one so much that a single one among a thousand is too much."""
    pair = mean_of(sli)
    if pair is None:
        return []
    amount = int(sli.value * 1000) + 1000
    return [
        (example(pair[0]), [phase.bad * amount for phase in phases]),
        (example(pair[1]), [phase.good + phase.bad for phase in phases]),
    ]


def _gauge(sli: ThresholdSli, phases: tuple[Phase, ...]) -> Series:
    beyond = sli.value * 2 + 1
    low, high = Decimal(0), beyond
    good, bad = (low, high) if sli.op in {"lt", "lte"} else (high, low)
    if _is_an_age(_asked_first(sli)):  # what is old lies far back, and what is young ahead of a test's whole time
        good, bad = (_AHEAD, -beyond) if sli.op in {"lt", "lte"} else (-beyond, _AHEAD)
    parts = [str(good)]
    for phase in phases:
        if phase.absent:
            parts.append("stale" if phase.steps == 1 else f"stale _x{phase.steps - 1}")
        else:
            parts.append(f"{bad if phase.bad else good}x{phase.steps - 1}")
    return Series(series=example(sli.query), values=" ".join(parts))
