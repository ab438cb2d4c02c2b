"""What counters gain from one evaluation to the next, as PromQL. Pure text.

A native histogram's observations are counted as a counter's events are. All of them are one number, which Prometheus
reads without the buckets. Those up to a threshold are a share of the histogram that was *gained*: the difference of two
histograms is one itself, of the coarser one's resolution, so that a histogram which is made coarser on its way (its
producer may do so) does not look like a restart, nor shift what was counted before. A series that goes on under other
labels is not counted from zero again: what it had counted is taken off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import promql_parser as ql

from monitor.catalogue import durations
from monitor.catalogue.terms import COUNT, FRACTION, Term
from monitor.slo.edges import matchers, matching_any_edge

LOOKBACK = timedelta(minutes=5)
"""How long a counter's last sample is remembered while its target is not scraped. Prometheus's own staleness limit."""


def gained(terms: Iterable[Term], step: timedelta) -> str:
    """What all terms together gained in one step; 0 where there is nothing."""
    return "\n+\n".join(f"(\n{indent(_steps(term, step))}\n)" for term in terms)


def counted(term: Term, vector: str) -> str:
    """What a term counts in a vector of its series: the counters' values, or how much histograms have observed."""
    if not term.is_native:
        return vector
    if term.bounds is None:
        return f"{COUNT}({vector})"
    # A histogram that is empty has no shares: they would be NaN, which is no count.
    return f"((({share(term, vector)}) >= 0) * {COUNT}({vector}) or 0 * {COUNT}({vector}))"


def share(term: Term, vector: str) -> str:
    """Which share of what histograms observed lies within a term's bounds; NaN of one that is empty."""
    return f"{FRACTION}({term.limits}, {vector})"


def indent(text: str) -> str:
    """Each line, two spaces further in."""
    return "\n".join(f"  {line}" for line in text.split("\n"))


def _steps(term: Term, step: timedelta) -> str:
    selector, ago = matching_any_edge(term.selector), f"offset {durations.text(step)}"
    before = f"[{durations.text(LOOKBACK)}] {ago}"
    watched = f"on (job, instance) max_over_time({_up(selector)}{before}) == 1"
    everything = replace(term, bounds=None)
    now, was = counted(everything, selector), counted(everything, f"last_over_time({selector}{before})")
    rose = f"{now} - {was} >= 0\nor {now} and {watched}"
    if not term.is_native:
        return f"sum(\n{indent(rose)}\n) or vector(0)"
    went_on = f"and {_went_on(now, counted(everything, f'{selector} {ago}'), watched)}"
    rose += f"\nor -1 * ({counted(everything, f'{selector} {ago}')} unless {now}) {went_on}"
    rose = f"sum(\n{indent(rose)}\n)"
    if term.bounds is None:
        return f"{rose} or vector(0)"
    seen = (
        f"{selector} - last_over_time({selector}{before}) and {now} - {was} >= 0\n"
        f"or {selector} and {watched}\nor -1 * ({selector} {ago} unless {selector}) {went_on}"
    )
    gained_share = share(term, f"sum(\n{indent(seen)}\n)")
    return f"({gained_share} >= 0)\n* {rose}\nor vector(0)"


def _went_on(now: str, ago: str, watched: str) -> str:
    """Targets of which series end in the step in which others are born that have observed no less.

    They are taken for the same under other labels: those that are born go on from where the others ended.
    """
    ended, born = f"sum by (job, instance) ({ago} unless {now})", f"({now} unless {ago}) and {watched}"
    return f"on (job, instance) ({ended} <= sum by (job, instance) ({born}))"


def _up(selector: str) -> str:
    """Whether the targets of a selector were scraped; no more of them are read than its own matchers allow."""
    parsed = ql.parse(selector)
    assert isinstance(parsed, ql.VectorSelector)  # what matching_any_edge() gives
    return f"up{matchers(found for found in parsed.matchers.matchers if found.name in {'job', 'instance'})}"
