"""From an SLI to the expressions that count its events. Pure text.

How events are counted
    Each evaluation records what every counter gained since the evaluation before, from the last sample known then to
    the sample that is known now. The steps telescope: added up over any span they give exactly what the counters
    gained, without extrapolation (``increase()`` is up to 8 % off where a counter of errors leaves zero), across
    resets (a counter that fell counts from zero), gaps in scraping (the next step has it all) and label changes (the
    sum has no labels; a series that is born while its target is watched counts from zero). Where a target's series are
    born in the step in which others of it end, they may be the same counters under other labels: together they are
    taken for one counter, which went on where it has not fallen. Steps of an edge that is not scraped are left out, so
    that coverage tells. Only the last sample known then is looked for in a range, once a counter: that is the price of
    the whole SLO where many series are counted.

What no traffic means
    While the probe fails and the edge counts nothing, each evaluation is dark: as many bad events of as many as the
    mean evaluation of the last hour had, and one at least. So an hour of darkness costs what an hour of failures at the
    traffic before it would. Dark evaluations are part of that mean and equal to it, so however long it stays dark their
    weight does not fall. While nothing fails and nothing comes, there are zero events: no sample of the SLI, no change
    of the budget.

Good and total from two producers (latency)
    bad = total - good, clamped at the level of windows, not of steps: scrapes at different instants would else add up
    to false errors. No good at all (every app is dead) is zero good, so everything that the edge saw is bad.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

import promql_parser as ql

from monitor.catalogue import durations
from monitor.catalogue.model import RatioSli, Slo, ThresholdSli
from monitor.catalogue.promql import parse
from monitor.catalogue.terms import Term, counters, terms
from monitor.slo import gains, names
from monitor.slo.edges import any_edge, spelled
from monitor.slo.stand_in import ALLOWED, OBJECTIVE, Owner
from monitor.slo.steps import Steps

LOOKBACK = timedelta(minutes=5)
"""How long a counter's last sample is remembered while its target is not scraped. Prometheus's own staleness limit."""

FRESH = timedelta(minutes=2)
"""How old a counter's last sample may be where nothing says that its target is gone: two scrapes of a minute each.
Prometheus itself would believe it for five minutes and VictoriaMetrics for one scrape or two; imported samples have no
marks of staleness."""

TRAFFIC_MEMORY = timedelta(hours=1)
"""From how far back the traffic of dark time is judged: long enough to be steady, short enough to know day from night.
The report looks as far back (``monitor.compliance.measured``)."""

_AT_HAND = 128
"""How many selectors are kept as they are written: an SLO's rules repeat its own."""

_OPERATORS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def series(name: str, slo: Owner, window: str = "") -> str:
    """A recorded series of one SLO."""
    matchers = f'{names.SLO_LABEL}="{slo.name}"' + (f',{names.WINDOW_LABEL}="{window}"' if window else "")
    return f"{name}{{{matchers}}}"


def observed_total(slo: Slo, step: timedelta, scrape: timedelta) -> str:
    """What all events gained in one step; no sample where none of the counters was scraped.

    ``scrape`` is how far scrapes are apart: where several fall into one step, more can happen between two evaluations.
    """
    sli = slo.sli
    if isinstance(sli, ThresholdSli):
        return f"0 * count({any_edge(sli.query)}) + {_minutes(step)}"
    selectors = map(matching_any_edge, counters(sli.total))
    seen = (_within(one, step) if step > scrape else fresh(one) for one in selectors)
    scraped = " or ".join(f"count({one})" for one in seen)
    return f"(\n{_indent(_gained(terms(sli.total), step, scrape))}\n)\nand on () ({scraped})"


def observed_bad(slo: Slo, step: timedelta, scrape: timedelta) -> str:
    """What bad events gained in one step, where anything is known of all events."""
    sli = slo.sli
    total = series(names.OBSERVED_TOTAL_DELTA, slo)
    if isinstance(sli, ThresholdSli):
        # Asked the other way round, so that NaN is bad.
        kept = f"({any_edge(sli.query)}) {_OPERATORS[sli.op]} bool {sli.value}"
        return f"(1 - min({kept})) * {_minutes(step)}"
    if sli.bad:
        return f"(\n{_indent(_gained(terms(sli.bad), step, scrape))}\n)\nand on () {total}"
    return f"{total}\n- on () (\n{_indent(_gained(terms(sli.good), step, scrape))}\n)"


def minutes_total(slo: Slo, step: timedelta) -> str:
    """The time of one step where it is judged by slices: watched, or dark by the probe's word."""
    watched, failing = f"0 * {series(names.OBSERVED_TOTAL_DELTA, slo)} + {_minutes(step)}", _probe_failing(slo)
    return f"{watched}\nor on () ({failing} + {_minutes(step)})" if failing else watched


def minutes_bad(slo: Slo, sli: RatioSli, size: timedelta, step: timedelta) -> str:
    """How much of one step was bad, by the slice that ends with it: dark, as its ratio says, or idle and so not bad."""
    bad, total = (tile(name, slo, size) for name in (names.OBSERVED_BAD_DELTA, names.OBSERVED_TOTAL_DELTA))
    share = f"clamp({bad} / ({total} > 0), 0, 1)"
    judged = share if sli.slice_target is None else f"({share} > bool {number(1 - sli.slice_target)})"
    parts = [f"{judged} * {_minutes(step)}", f"0 * {series(names.TOTAL_DELTA, slo)}"]
    if failing := _probe_failing(slo):
        seen = f"{series(names.OBSERVED_TOTAL_DELTA, slo)} > 0"
        parts.insert(0, f"({failing} + {_minutes(step)} unless on () {seen})")
    either = "\n  or on () ".join(parts)
    return f"(\n  {either}\n)\nand on () {series(names.TOTAL_DELTA, slo)}"


def events_total(slo: Slo) -> str:
    """All events of one step, with the probe's word where the counters are silent."""
    observed = series(names.OBSERVED_TOTAL_DELTA, slo)
    failing = _probe_failing(slo)
    if not failing:
        return observed
    recent = f"max(avg_over_time({series(names.TOTAL_DELTA, slo)}[{durations.text(TRAFFIC_MEMORY)}]))"
    usual = f"clamp_min({recent}, 1)"
    dark = f"{usual} and on () {failing}\nor on () ({failing} + 1)"
    return f"{observed} > 0\nor on () (\n{_indent(dark)}\n)\nor on () {observed}"


def events_bad(slo: Slo) -> str:
    """Bad events of one step, with the probe's word where the counters are silent."""
    observed, total = series(names.OBSERVED_BAD_DELTA, slo), series(names.OBSERVED_TOTAL_DELTA, slo)
    failing = _probe_failing(slo)
    if not failing:
        return observed
    # All of a dark step is bad: the total that was recorded a moment ago, for the mean of an hour has moved since.
    dark = f"({series(names.TOTAL_DELTA, slo)} and on () {failing})"
    return f"({observed} and on () {total} > 0)\nor on () {dark}\nor on () {observed}"


def window_sum(recorded: str, slo: Owner, span: timedelta, *, clamp: bool = False) -> str:
    """Add up a grid or roll-up series over a window."""
    added = tile(recorded, slo, span)
    return f"clamp_min({added}, 0)" if clamp else added


def tile(recorded: str, slo: Owner, span: timedelta, *, function: str = "sum_over_time", ago: str = "") -> str:
    """Add up (or count) a recorded series over a span such that neighbouring spans share no sample.

    One millisecond is left out, because Prometheus 2 counts samples at both ends of a range, and Prometheus 3 and
    VictoriaMetrics do not: five minutes would be a tenth longer there. What was recorded while the SLO belonged to
    another service is a series of its own; both are added up, or else the two would stop the rule until the older one
    has left the window.
    """
    return f"sum({function}({series(recorded, slo)}[{_open(span)}]{ago}))"


def rolled(recorded: str, slo: Owner, size: timedelta, step: timedelta, *, function: str = "sum_over_time") -> str:
    """What a roll-up adds up: a tile that ended one evaluation ago.

    Of what is recorded in this very moment nobody knows whether it is there yet: in Prometheus another group may still
    be evaluated, and vmalert writes what it has recorded a moment later. What one tile misses, no other has.
    """
    return tile(recorded, slo, size, function=function, ago=f" offset {durations.text(step)}")


def newest(recorded: str, slo: Owner, window: str, age: timedelta) -> str:
    """A window that is added up rarely, as it was added up last."""
    return f"max(last_over_time({series(recorded, slo, window)}[{durations.text(age)}]))"


def peak(rollup: str, slo: Owner, size: timedelta, age: timedelta) -> str:
    """How many times the mean traffic of the SLO's own window its busiest roll-up had, each of which is ``size``."""
    own = slo.window.text
    busiest = f"max(max_over_time({series(rollup, slo)}[{own}]))"
    covered, total = (newest(name, slo, own, age) for name in (names.COVERED_WINDOW, names.TOTAL_WINDOW))
    return f"clamp_min({busiest} * {covered} / ({total} > 0) / {durations.seconds(size)}, 1)"


def calendar(gauge: str, slo: Owner) -> str:
    """What is known of an SLO's current calendar window."""
    return f"max({series(gauge, slo, slo.window.text)})"


def sli_ratio(slo: Owner, window: str) -> str:
    """Share of good events; no sample without events."""
    return f"clamp_min(1 - {_bad_share(slo, window)}, 0)"


def burn_rate(slo: Owner, window: str) -> str:
    """Share of bad events over the share that is allowed."""
    return f"{_bad_share(slo, window)} / {allowed(slo)}"


def failed_events(slo: Slo, period: timedelta) -> str:
    """Bad events of the period that ends at the query's time, exact to the step at each end.

    For any period that is kept, from minutes up; Prometheus alone is asked. Time-slice SLOs give minutes.
    """
    return f"clamp_min({tile(names.BAD_DELTA, slo, period)}, 0)"


def total_events(slo: Slo, period: timedelta) -> str:
    """All events of the period that ends at the query's time; see ``failed_events``."""
    return tile(names.TOTAL_DELTA, slo, period)


def covered_seconds(slo: Slo, period: timedelta, step: timedelta) -> str:
    """For how much of the period anything is known; ``step`` is the environment's evaluation interval."""
    counted = tile(names.TOTAL_DELTA, slo, period, function="count_over_time")
    return f"{counted} * {durations.seconds(step)}"


def number(value: Decimal) -> str:
    """A decimal as a PromQL literal: ``0.0005``, never ``0.0004999999999999``."""
    return format(value.normalize(), "f")


def fresh(selector: str) -> str:
    """The counters that are scraped now."""
    return f"{selector} and last_over_time({selector}[{durations.text(FRESH)}])"


def _within(selector: str, span: timedelta) -> str:
    """The counters that were scraped in a span."""
    return f"last_over_time({selector}[{durations.text(span)}])"


def allowed(slo: Owner) -> str:
    """The share of events that may be bad, as a literal."""
    return number(1 - slo.target) if isinstance(slo, Slo) else ALLOWED


def objective(slo: Owner) -> str:
    """The objective in percent, as people write it."""
    return number(slo.target * 100) if isinstance(slo, Slo) else OBJECTIVE


@lru_cache(maxsize=_AT_HAND)
def matching_any_edge(selector: str) -> str:
    """The selector, with ``le="2"`` and ``quantile="1"`` made to match ``2.0`` as well, as ``edges`` has it."""
    parsed = parse(selector)
    assert isinstance(parsed, ql.VectorSelector)  # what counters() gives
    return f"{parsed.name}{_matchers(parsed.matchers.matchers)}"


def _matchers(matchers: Iterable[ql.Matcher]) -> str:
    shown = sorted(_matcher(matcher) for matcher in matchers)
    return f"{{{','.join(shown)}}}" if shown else ""


def _matcher(matcher: ql.Matcher) -> str:
    operators = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    operator, value = operators[str(matcher.op).removeprefix("MatchOp.")], str(matcher.value)
    if matcher.name in {"le", "quantile"} and operator == "=":
        operator, value = spelled(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{matcher.name}{operator}"{escaped}"'


def _gained(summed: Iterable[Term], step: timedelta, scrape: timedelta) -> str:
    return "\n+\n".join(f"(\n{_indent(_term_steps(term, step, scrape))}\n)" for term in summed)


def _term_steps(term: Term, step: timedelta, scrape: timedelta) -> str:
    selector = matching_any_edge(term.selector)
    before, up = f"[{durations.text(LOOKBACK)}] offset {durations.text(step)}", _up(selector)
    watched = f"on (job, instance) max_over_time({up}{before}) == 1"
    if term.is_native:
        return gains.observed_steps(replace(term, selector=selector), step, before, watched)
    steps = Steps(selector=selector, step=step, before=before, watched=watched, up=up)
    return steps.of_many() if step > scrape else steps.of_one_scrape()


@lru_cache(maxsize=_AT_HAND)
def _up(selector: str) -> str:
    """Whether the targets of a selector were scraped; no more of them are read than its own matchers allow."""
    parsed = parse(selector)
    assert isinstance(parsed, ql.VectorSelector)
    return f"up{_matchers(found for found in parsed.matchers.matchers if found.name in {'job', 'instance'})}"


def _probe_failing(slo: Slo) -> str:
    """A sample of value 0 while the probe fails; an empty text where there is no probe."""
    probe = slo.sli.probe if isinstance(slo.sli, RatioSli) else ""
    return f"(max({probe}) == 0)" if probe else ""


def _bad_share(slo: Owner, window: str) -> str:
    return f"{series(names.BAD_SUM, slo, window)} / ({series(names.TOTAL_SUM, slo, window)} > 0)"


def _open(span: timedelta) -> str:
    """A span without its older end, for a range."""
    return durations.text(span - durations.MILLISECOND)


def _minutes(step: timedelta) -> str:
    return f"{durations.seconds(step)} / 60"


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))
