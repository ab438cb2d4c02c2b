"""What a running Prometheus says of SLOs: do their selectors find anything, and does it look far enough back?

The client is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

import promql_parser as ql

from monitor.catalogue import durations, promql
from monitor.catalogue.model import Catalogue, RatioSli, Slo
from monitor.catalogue.terms import counters, terms
from monitor.check import traffic
from monitor.check.alerts import lost
from monitor.check.finding import Finding, finding
from monitor.slo.gains import counted
from monitor.slo.promql import matching_any_edge, number

CHUNK = 20
"""Selectors asked about in one query."""

TOLERANCE = 0.01
"""Good and total may be scraped from two processes at different moments, and ``increase`` stretches either."""

FAR_OFF = 10
"""An expectation that is ten times off was about another service, or another year."""

RARE = 20
"""Over so many scrapes it is looked how many there were: half of them may have failed before anything is said."""

MISSED = "prometheus_rule_group_iterations_missed_total"
"""Prometheus's own count, where it scrapes itself."""

_YEAR = re.compile(r"(\d+)y(.*)")


class Sample(Protocol):
    """What is needed of a client's answer."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The series' labels."""

    @property
    def value(self) -> float:
        """Its value."""


Ask = Callable[[str], Iterable[Sample]]
"""Evaluates an expression now."""


def live_findings(catalogue: Catalogue, ask: Ask, retention: str | None) -> Iterator[Finding]:
    """Everything about SLOs that only a running server tells; ``retention`` is its own word for it, if it has one."""
    yield from silent_selectors(catalogue, ask)
    yield from more_than_total(catalogue, ask)
    yield from unfit_for_measured_traffic(catalogue, ask)
    yield from scraped_rarely(catalogue, ask)
    yield from missed_evaluations(catalogue, ask)
    if retention is not None:
        yield from beyond_live_retention(catalogue, retention)


def silent_selectors(catalogue: Catalogue, ask: Ask) -> Iterator[Finding]:
    """Selectors of SLOs that match no series now, although their metric is there."""
    wanted = list(dict.fromkeys((slo.place, slo.name, text) for slo in catalogue.slos for text in _selectors(slo)))
    for (place, name, text), found in zip(wanted, _present(ask, [text for *_, text in wanted]), strict=True):
        if found:
            continue
        selector = promql.parse(text)
        assert isinstance(selector, ql.VectorSelector)  # what _selectors() gives
        # That a metric is missing altogether is said once for all who read it (``missing-series``).
        if not any(ask(f"count({selector.name})")):
            continue
        edges = _edges(selector, ask)
        if edges:
            message = f"{name}: Prometheus has no bucket with the edge of {text} now"
            yield finding(place, "missing-bucket", message, f"use one of {', '.join(edges)}, or expose that edge")
        else:
            remedy = "correct the matchers, or create the counter at 0 when its process starts"
            yield finding(place, "silent-selector", f"{name}: nothing matches {text} now", remedy)


def more_than_total(catalogue: Catalogue, ask: Ask) -> Iterator[Finding]:
    """Ratios whose part was more than the whole in the last hour."""
    for slo in catalogue.slos:
        sli = slo.sli
        if not isinstance(sli, RatioSli):
            continue
        part, word = (sli.good, "good") if sli.good else (sli.bad, "bad")
        for sample in ask(f"({_increase(part)}) / ({_increase(sli.total)} > 0)"):
            if sample.value > 1 + TOLERANCE:
                message = f"{slo.name}: in the last hour {word} events were {sample.value:.3g} times all events"
                remedy = f"see that {word} and total count the same requests, and that no target is scraped twice"
                yield finding(slo.place, "more-than-total-live", message, remedy)


def unfit_for_measured_traffic(catalogue: Catalogue, ask: Ask) -> Iterator[Finding]:
    """SLOs whose alerts do not fit the traffic of the last day, or whose author expected another one.

    Nothing is said of what was not there a day ago.
    """
    for slo in catalogue.slos:
        if not isinstance(slo.sli, RatioSli) or not traffic.counts_events(slo):
            continue
        known = " or ".join(f"count({matching_any_edge(text)} offset 1d)" for text in counters(slo.sli.total))
        for sample in ask(f"({_increase(slo.sli.total, '1d')}) / 24 and on () ({known})"):
            yield from _at_measured_traffic(slo, Decimal(f"{sample.value:.3g}"))


def _at_measured_traffic(slo: Slo, hourly: Decimal) -> Iterator[Finding]:
    expected = slo.expected_requests_per_hour
    if expected is None:
        yield from traffic.at_traffic(slo, hourly, " (measured over the last day)")
    elif not expected / FAR_OFF <= hourly <= expected * FAR_OFF:
        message = (
            f"{slo.name} expects {number(expected)} {slo.events} an hour, and in the last day there were "
            f"{number(hourly)}"
        )
        yield finding(
            slo.place, "expected-traffic", message, "correct expected_requests_per_hour, or see who is missing"
        )


def scraped_rarely(catalogue: Catalogue, ask: Ask) -> Iterator[Finding]:
    """SLOs whose samples are further apart than the environment says: rules would take what is between for gaps."""
    every = catalogue.environment.scrape_interval
    span = durations.text(RARE * every)
    for slo in catalogue.slos:
        for text in _selectors(slo):
            many = f"max(count_over_time({matching_any_edge(text)}[{span}]))"
            known = f"count({matching_any_edge(text)} offset {span})"
            few = next((one.value for one in ask(f"{many} and on () {known}") if one.value < RARE / 2), None)
            if few is not None:
                message = (
                    f"{slo.name}: {text} has {few:.0f} samples in {span}, and the environment says that scrapes are "
                    f"{durations.text(every)} apart"
                )
                remedy = "scrape it as often as the environment says, or correct the environment's scrape_interval"
                yield finding(slo.place, "scraped-rarely", message, remedy)
                break  # one job is scraped at one interval


def missed_evaluations(catalogue: Catalogue, ask: Ask) -> Iterator[Finding]:
    """Groups of rules that were not evaluated in time: their windows have gaps, and their alerts come late."""
    places = {f"slo-{slo.name}-": slo.place for slo in catalogue.slos}
    places |= {group.name: group.rules[0].place for group in catalogue.alerts if group.rules}
    for sample in ask(f"increase({MISSED}[1h]) > 0"):
        group = sample.labels.get("rule_group", "").rpartition(";")[2]
        place = next((place for start, place in places.items() if group.startswith(start)), None)
        if place is not None:
            message = f"Prometheus left out {sample.value:.0f} evaluations of the group {group} in the last hour"
            yield finding(place, "missed-evaluations", message, "give it more CPU, or a longer evaluation_interval")


def beyond_live_retention(catalogue: Catalogue, retention: str) -> Iterator[Finding]:
    """SLOs that are judged over longer than this server keeps samples, whatever the environment says."""
    kept = kept_for(retention)
    for slo in catalogue.slos:
        if kept is not None and (loses := lost(slo, kept, f"{retention} by this Prometheus")):
            remedy = "start it with a longer --storage.tsdb.retention.time"
            yield finding(slo.place, "beyond-retention", loses, remedy)


def kept_for(retention: str) -> timedelta | None:
    """Read what Prometheus says of its retention (``15d``, ``1y or 100GB``); ``None`` where only size ends it."""
    first = retention.partition(" ")[0]
    years = timedelta(0)
    if match := _YEAR.fullmatch(first):
        years, first = int(match[1]) * timedelta(days=365), match[2] or "0"
    try:
        return years + durations.parse(first)
    except ValueError:
        return None


def _selectors(slo: Slo) -> tuple[str, ...]:
    sli = slo.sli
    if not isinstance(sli, RatioSli):
        return tuple(str(selector.prettify()) for selector in promql.selectors(promql.parse(sli.query)))
    probes = promql.selectors(promql.parse(sli.probe)) if sli.probe else ()
    events = (selector for text in (sli.good, sli.bad, sli.total) if text for selector in counters(text))
    return (*events, *(str(selector.prettify()) for selector in probes))


def _present(ask: Ask, selectors: list[str]) -> Iterator[bool]:
    """Whether each selector matches anything, in a few queries."""
    for start in range(0, len(selectors), CHUNK):
        part = selectors[start : start + CHUNK]
        query = " or ".join(
            f'label_replace(count({matching_any_edge(text)}), "selector", "{number}", "", "")'
            for number, text in enumerate(part)
        )
        found = {sample.labels["selector"] for sample in ask(query)}
        yield from (str(number) in found for number in range(len(part)))


def _edges(selector: ql.VectorSelector, ask: Ask) -> list[str]:
    """The bucket edges that there are, where a selector names one by ``le`` and all its other matchers find some."""
    others = [str(matcher) for matcher in _without_le(selector)]
    if len(others) == len(selector.matchers.matchers):
        return []
    found = {sample.labels.get("le", "") for sample in ask(f"group by (le) ({selector.name}{{{','.join(others)}}})")}
    return sorted(found - {"", "+Inf"}, key=float)


def _without_le(selector: ql.VectorSelector) -> Iterator[str]:
    operators = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    for matcher in selector.matchers.matchers:
        if matcher.name != "le":
            value = str(matcher.value).replace("\\", "\\\\").replace('"', '\\"')
            yield f'{matcher.name}{operators[str(matcher.op).removeprefix("MatchOp.")]}"{value}"'


def _increase(expression: str, span: str = "1h") -> str:
    gains = (counted(term, f"increase({matching_any_edge(term.selector)}[{span}])") for term in terms(expression))
    return " + ".join(f"(sum({gain}) or vector(0))" for gain in gains)
