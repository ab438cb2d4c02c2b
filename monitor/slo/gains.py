"""What native histograms gain from one evaluation to the next, as PromQL. Pure text.

A native histogram's observations are counted as a counter's events are. All of them are one number, which Prometheus
reads without the buckets. Those up to a threshold are a share of the histogram that was *gained*: the difference of two
histograms is one itself, of the coarser one's resolution, so that a histogram which is made coarser on its way (its
producer may do so) does not look like a restart, nor shift what was counted before. A series that goes on under other
labels is not counted from zero again: what it had counted is taken off.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitor.catalogue import durations
from monitor.catalogue.terms import COUNT, FRACTION, Term


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


def observed_steps(term: Term, step: timedelta, before: str, watched: str) -> str:
    """What native histograms gained in one step.

    ``before`` is the range in which the last sample known then is looked for; ``watched`` chooses series whose target
    was scraped then.
    """
    selector, everything = term.selector, replace(term, bounds=None)
    ago = f"{selector} offset {durations.text(step)}"
    now, then = counted(everything, selector), counted(everything, ago)
    rose = f"{now} - {counted(everything, f'last_over_time({selector}{before})')} >= 0"
    went_on = f"and {_went_on(now, then, watched)}"
    gained = f"sum(\n  {rose}\n  or {now} and {watched}\n  or -1 * ({then} unless {now}) {went_on}\n)"
    if term.bounds is None:
        return f"{gained} or vector(0)"
    seen = (
        f"sum(\n  {selector} - last_over_time({selector}{before}) and {rose}\n  or {selector} and {watched}\n"
        f"  or -1 * ({ago} unless {selector}) {went_on}\n)"
    )
    return f"({share(term, seen)} >= 0)\n* {gained}\nor vector(0)"


def _went_on(now: str, ago: str, watched: str) -> str:
    """Targets of which series end in the step in which others are born that have observed no less.

    They are taken for the same under other labels: those that are born go on from where the others ended.
    """
    ended, born = f"sum by (job, instance) ({ago} unless {now})", f"({now} unless {ago}) and {watched}"
    return f"on (job, instance) ({ended} <= sum by (job, instance) ({born}))"
