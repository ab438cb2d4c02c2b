"""What a running Prometheus says: are the metrics that the catalogue reads really there? The client is handed in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Protocol

import promql_parser as ql

from monitor.catalogue import promql
from monitor.catalogue.model import AlertRule, Catalogue
from monitor.check.finding import Finding, finding
from monitor.check.histograms import ENABLED
from monitor.check.series import metric_names, uses

CHUNK = 50
"""Names asked for in one query: well below any server's limit on the length of a URL."""


UNASKED = "prometheus-unasked"
"""The code that says that it did not answer."""

LIVE = frozenset(
    {
        "beyond-retention",
        "budget-too-small",
        "expected-traffic",
        "few-failures-fire",
        "missed-evaluations",
        "missing-bucket",
        "missing-job",
        "missing-series",
        "more-than-total-live",
        "no-data",
        "refused-query",
        "scraped-rarely",
        "silent-selector",
        "slow-dashboard",
        "too-little-traffic",
        "too-many-samples",
    }
)
"""The codes of what is found by asking it; some may be found without as well."""


class Sample(Protocol):
    """What is needed of a client's answer."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The series' labels."""


_PRODUCER = "see that its producer runs and is scraped"

Ask = Callable[[str], Iterable[Sample]]
"""Evaluates an expression now."""


def missing_series(catalogue: Catalogue, ask: Ask) -> Iterator[Finding]:
    """Metrics that are declared, read by the catalogue, and exposed by nobody whom this Prometheus scrapes."""
    wanted = metric_names(catalogue)
    present: set[str] = set()
    for start in range(0, len(wanted), CHUNK):
        pattern = "|".join(wanted[start : start + CHUNK])
        present |= {sample.labels["__name__"] for sample in ask(f'group by (__name__) ({{__name__=~"{pattern}"}})')}
    for name in wanted:
        if name not in present:
            use = next(use for use in uses(catalogue) if re.search(rf"\b{re.escape(name)}\b", use.query))
            native = any(str(found.name) == name for found in promql.native_selectors(promql.parse(use.query)))
            kind, remedy = (
                ("native histogram", f"{_PRODUCER}, and that Prometheus runs with {ENABLED}")
                if native
                else ("series", _PRODUCER)
            )
            yield finding(use.place, "missing-series", f"Prometheus has no {kind} {name} now", remedy)


def missing_jobs(catalogue: Catalogue, ask: Ask) -> Iterator[Finding]:
    """Jobs that alerts select and that this Prometheus does not scrape: renamed there, or misspelt here.

    Other labels may have any value at times; of SLOs every selector is asked for by itself.
    """
    there = {sample.labels.get("job", "") for sample in ask("group by (job) (up)")}
    selecting: dict[str, list[AlertRule]] = {}
    for rule in (rule for group in catalogue.alerts for rule in group.rules):
        jobs = {job for one in promql.selectors(promql.parse(rule.expr)) for job in _jobs(one)}
        for job in sorted(jobs - there):
            selecting.setdefault(job, []).append(rule)
    for job, rules in selecting.items() if there else ():
        others = f" (so do {len(rules) - 1} more)" if rules[2:] else f" (so does {rules[1].name})" if rules[1:] else ""
        near = get_close_matches(job, there, n=1)
        remedy = f"did you mean {near[0]}?" if near else "scrape it, or name one that is scraped"
        message = f"{rules[0].name} selects the job {job}{others}, and Prometheus scrapes none of that name"
        yield finding(rules[0].place, "missing-job", message, remedy)


def _jobs(selector: ql.VectorSelector) -> Iterator[str]:
    for matcher in selector.matchers.matchers:
        if matcher.name == "job" and str(matcher.op) == "MatchOp.Equal" and matcher.value:
            yield str(matcher.value)
