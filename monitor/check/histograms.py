"""Native histograms that this environment's Prometheus cannot be relied on to count."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.catalogue.model import Catalogue, Place
from monitor.catalogue.terms import reads_native
from monitor.check.finding import Finding, finding
from monitor.slo import native

ENABLED = "--enable-feature=native-histograms, or from 3.8 on with scrape_native_histograms: true"
"""How Prometheus is told to scrape native histograms (its documentation; the flag does nothing from 3.9 on)."""


def too_old(catalogue: Catalogue) -> Iterator[Finding]:
    """SLOs and alerts that read native histograms where Prometheus is too old for them."""
    environment = catalogue.environment
    if native.is_supported(environment.prometheus_version):
        return
    since, runs = ".".join(map(str, native.SINCE)), environment.prometheus_version
    for place, name, queries, tests in _readers(catalogue):
        if any(map(reads_native, queries)):
            message = (
                f"{name} reads native histograms, which can be relied on from Prometheus {since} on, and {runs} runs "
                f"here{tests}"
            )
            remedy = (
                f"run a newer one with {ENABLED}, and set prometheus_version; "
                "or count a bucket (le) of a classic histogram"
            )
            yield finding(place, "native-histogram", message, remedy)


def _readers(catalogue: Catalogue) -> Iterator[tuple[Place, str, tuple[str, ...], str]]:
    """Who asks what, and what is said of the generated tests."""
    for slo in catalogue.slos:
        untested = ": the tests that make up its traffic are left out"
        yield slo.place, slo.name, tuple(native.queries(slo)), untested
    for rule in (rule for group in catalogue.alerts for rule in group.rules):
        yield rule.place, rule.name, (rule.expr,), ""
