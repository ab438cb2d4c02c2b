"""The recording rules of one SLO, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, RatioSli, Slo
from monitor.slo import names, promql, sloth, windows
from monitor.slo.stand_in import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording rule."""

    record: str
    expr: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Recording rules that are evaluated together."""

    name: str
    interval: timedelta
    rules: tuple[Recording, ...]
    is_long: bool
    """Whether it is about days and longer, from what the others recorded of hours."""


def groups(slo: Slo, environment: Environment) -> tuple[Group, ...]:
    """Every recording rule of an SLO, by group, in the order that one feeds the next.

    The wider a window, the coarser what it is added up from, and the more rarely: so the price of an SLO neither grows
    with its window nor, beyond the grid, with its series.
    """
    step, size = environment.evaluation_interval, environment.rollup_interval
    first, *others = derived(slo, step, size)
    return (replace(first, rules=(*grid(slo, environment), *first.rules)), *others)


def derived(slo: Owner, step: timedelta, size: timedelta) -> tuple[Group, ...]:
    """Every group with all that is recorded from the grid of events; the first is the group of the grid itself."""
    second, third = windows.SECOND_ROLLUP * size, windows.THIRD_ROLLUP * size
    made = (
        ("grid", step, short(slo, step), False),
        ("rollup", size, rollup(slo, step, size), False),
        ("long", second, long(slo, step, second), True),
        ("longest", third, longest(slo, step, second, third), True),
        ("windows", size, whole(slo, second, third), True),
    )
    groups = (
        Group(name=f"slo-{slo.name}-{name}", interval=interval, rules=tuple(rules), is_long=is_long)
        for name, interval, rules, is_long in made
    )
    return tuple(group for group in groups if group.rules)


def grid(slo: Slo, environment: Environment) -> Iterator[Recording]:
    """The grid of events, which all else is added up from: what is recorded of one evaluation's time."""
    step, scrape, sli = environment.evaluation_interval, environment.scrape_interval, slo.sli
    objective = _record(slo, names.OBJECTIVE, f"vector({promql.number(slo.target)})")
    yield replace(objective, labels=objective.labels | sloth.labels(slo)) if environment.sloth_names else objective
    yield _record(slo, names.OBSERVED_TOTAL_DELTA, promql.observed_total(slo, step, scrape))
    yield _record(slo, names.OBSERVED_BAD_DELTA, promql.observed_bad(slo, step, scrape))
    if isinstance(sli, RatioSli) and sli.slice:
        yield _record(slo, names.TOTAL_DELTA, promql.minutes_total(slo, step))
        yield _record(slo, names.BAD_DELTA, promql.minutes_bad(slo, sli, max(sli.slice, step), step))
    else:
        yield _record(slo, names.TOTAL_DELTA, promql.events_total(slo))
        yield _record(slo, names.BAD_DELTA, promql.events_bad(slo))


def short(slo: Owner, step: timedelta) -> Iterator[Recording]:
    """The windows that decide how fast a page comes, recorded at each evaluation."""
    for span in windows.SHORT_WINDOWS:
        counted = promql.tile(names.TOTAL_DELTA, slo, span, function="count_over_time")
        covered = f"clamp_max({counted} * {durations.seconds(step)} / {durations.seconds(span)}, 1)"
        yield from _window(slo, span, (names.BAD_DELTA, names.TOTAL_DELTA), covered)


def rollup(slo: Owner, step: timedelta, size: timedelta) -> Iterator[Recording]:
    """What is recorded at each roll-up interval: the roll-up of the grid, and the windows that decide how it ends."""
    counted = promql.rolled(names.TOTAL_DELTA, slo, size, step, function="count_over_time")
    yield _record(slo, names.BAD_ROLLUP, promql.rolled(names.BAD_DELTA, slo, size, step))
    yield _record(slo, names.TOTAL_ROLLUP, promql.rolled(names.TOTAL_DELTA, slo, size, step))
    yield _record(slo, names.COVERED_ROLLUP, f"{counted} * {durations.seconds(step)}")
    for span in windows.MIDDLE_WINDOWS:
        added = promql.window_sum(names.COVERED_ROLLUP, slo, span)
        covered = f"clamp_max({added} / {durations.seconds(span)}, 1)"
        yield from _window(slo, span, (names.BAD_ROLLUP, names.TOTAL_ROLLUP), covered)


def long(slo: Owner, step: timedelta, size: timedelta) -> Iterator[Recording]:
    """The second roll-up, and what windows of days add up to."""
    yield from _rolled(slo, _FIRST, _SECOND, size, step)
    for span in long_windows(slo):
        if span <= windows.LONGEST_FROM_SECOND:
            yield from _added_up(slo, _SECOND, span)


def longest(slo: Owner, step: timedelta, second: timedelta, third: timedelta) -> Iterator[Recording]:
    """The third roll-up, and what an own window of more than a month adds up to; how busy the own window was at most.

    How busy is read here, because it would be a third of the whole price if it were asked as often as the sums.
    """
    for span in long_windows(slo):
        if span > windows.LONGEST_FROM_SECOND:
            yield from _rolled(slo, _SECOND, _THIRD, third, step)
            yield from _added_up(slo, _THIRD, span)
    for own in _own(slo):
        age, size = _kept(own, second, third), third if own > windows.LONGEST_FROM_SECOND else second
        source = names.TOTAL_ROLLUP_60X if own > windows.LONGEST_FROM_SECOND else names.TOTAL_ROLLUP_5X
        yield _record(slo, names.PEAK_WINDOW, promql.peak(source, slo, size, age), slo.window.text)


def whole(slo: Owner, second: timedelta, third: timedelta) -> Iterator[Recording]:
    """The windows of days and longer, recorded often enough to be seen beside the others, and the budget."""
    for span in long_windows(slo):
        age, text = _kept(span, second, third), durations.text(span)
        bad, total, covered = (promql.newest(name, slo, text, age) for name in _WINDOW)
        yield _record(slo, names.BAD_SUM, f"clamp_min({bad}, 0)", text)
        yield _record(slo, names.TOTAL_SUM, total, text)
        yield _record(slo, names.COVERAGE, f"clamp_max({covered} / {durations.seconds(span)}, 1)", text)
        yield from _judged(slo, text)
    own = slo.window.text
    if slo.window.calendar:
        yield _record(slo, names.COVERAGE, promql.calendar(names.CALENDAR_COVERAGE, slo), own)
        yield _record(slo, names.SLI, promql.calendar(names.CALENDAR_SLI, slo), own)
        burnt = f"(1 - {promql.series(names.SLI, slo, own)}) / {promql.allowed(slo)}"
        yield _record(slo, names.BURN_RATE, burnt, own)
        yield _record(slo, names.BUDGET_REMAINING, promql.calendar(names.CALENDAR_BUDGET_REMAINING, slo), own)
        return
    burn, coverage = (promql.series(name, slo, own) for name in (names.BURN_RATE, names.COVERAGE))
    yield _record(slo, names.BUDGET_REMAINING, f"1 - {burn} * {coverage}", own)
    if _own(slo):
        yield _record(slo, names.TRAFFIC_PEAK, promql.newest(names.PEAK_WINDOW, slo, own, 2 * third), own)


def sloth_group(slo: Slo, environment: Environment) -> Group | None:
    """The same figures under Sloth's names, where they are asked for; in a file of its own, for few want them."""
    if not environment.sloth_names:
        return None
    spans = (*windows.SHORT_WINDOWS, *windows.MIDDLE_WINDOWS, *windows.LONG_WINDOWS)
    rules = tuple(
        Recording(record=name, expr=expr, labels=_record(slo, name, expr).labels | sloth.labels(slo) | more)
        for name, expr, more in sloth.aliases(slo, spans)
    )
    return Group(name=f"slo-{slo.name}-sloth", interval=environment.rollup_interval, rules=rules, is_long=False)


def long_windows(slo: Owner) -> tuple[timedelta, ...]:
    """The windows recorded from a roll-up of minutes; the SLO's own last, unless it is recorded anyway.

    The current window of a calendar is none of them: no range ends where it began.
    """
    known = (*windows.SHORT_WINDOWS, *windows.MIDDLE_WINDOWS, *windows.LONG_WINDOWS)
    own = () if slo.window.calendar or slo.window.duration in known else (slo.window.duration,)
    return (*windows.LONG_WINDOWS, *own)


def _own(slo: Owner) -> tuple[timedelta, ...]:
    """The SLO's own window where it is added up from roll-ups of minutes."""
    own = slo.window.duration
    return (own,) if not slo.window.calendar and own in long_windows(slo) else ()


def _kept(span: timedelta, second: timedelta, third: timedelta) -> timedelta:
    """For how long the newest sum over a span is good: until the next one is due, and as long again."""
    return 2 * (third if span > windows.LONGEST_FROM_SECOND else second)


_FIRST = (names.BAD_ROLLUP, names.TOTAL_ROLLUP, names.COVERED_ROLLUP)
_SECOND = (names.BAD_ROLLUP_5X, names.TOTAL_ROLLUP_5X, names.COVERED_ROLLUP_5X)
_THIRD = (names.BAD_ROLLUP_60X, names.TOTAL_ROLLUP_60X, names.COVERED_ROLLUP_60X)
_WINDOW = (names.BAD_WINDOW, names.TOTAL_WINDOW, names.COVERED_WINDOW)


def _rolled(
    slo: Owner, finer: tuple[str, ...], coarser: tuple[str, ...], size: timedelta, step: timedelta
) -> Iterator[Recording]:
    for source, made in zip(finer, coarser, strict=True):
        yield _record(slo, made, promql.rolled(source, slo, size, step))


def _added_up(slo: Owner, sources: tuple[str, ...], span: timedelta) -> Iterator[Recording]:
    for source, made in zip(sources, _WINDOW, strict=True):
        yield _record(slo, made, promql.window_sum(source, slo, span), durations.text(span))


def _window(slo: Owner, span: timedelta, sources: tuple[str, str], covered: str) -> Iterator[Recording]:
    bad, total = sources
    text = durations.text(span)
    yield _record(slo, names.BAD_SUM, promql.window_sum(bad, slo, span, clamp=True), text)
    yield _record(slo, names.TOTAL_SUM, promql.window_sum(total, slo, span), text)
    yield _record(slo, names.COVERAGE, covered, text)
    yield from _judged(slo, text)


def _judged(slo: Owner, text: str) -> Iterator[Recording]:
    yield _record(slo, names.SLI, promql.sli_ratio(slo, text), text)
    yield _record(slo, names.BURN_RATE, promql.burn_rate(slo, text), text)


def _record(slo: Owner, name: str, expr: str, window: str = "") -> Recording:
    labels = {names.SLO_LABEL: slo.name, names.SERVICE_LABEL: slo.service}
    return Recording(record=name, expr=expr, labels=labels | ({names.WINDOW_LABEL: window} if window else {}))
