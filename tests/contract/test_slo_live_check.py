"""``monitor check --prometheus`` says what is wrong with SLOs on a real server, and is quiet where nothing is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor import clock
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, RatioSli
from monitor.check import Finding, live_findings
from monitor.check.live_slos import kept_for
from monitor.sources.prometheus import Prometheus
from tests.contract.history import History, serve

RESPONSES = "haproxy_backend_http_responses_total"
BUCKET = "http_server_request_duration_seconds_bucket"
MISSED = "prometheus_rule_group_iterations_missed_total"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """An hour of traffic: of which too much was good in the app, and one group of rules was late."""
    history, now = History(), clock.now()
    times = [now + timedelta(seconds=15 * step) for step in range(-260, 20)]

    def count(name: str, rate: float, **labels: str) -> None:
        history.add(name, labels, [(at, rate * number) for number, at in enumerate(times)])

    for proxy in ("api", "bookings", "pages"):
        count(RESPONSES, 10, proxy=proxy, code="2xx")
        count(RESPONSES, 0, proxy=proxy, code="5xx")
    count("haproxy_backend_responses_denied_total", 0, proxy="bookings")
    count("haproxy_backend_responses_denied_total", 0, proxy="api")
    history.add("probe_success", {"probe": "edge"}, [(at, 1.0) for at in times])
    for edge in ("0.1", "0.2", "+Inf"):
        count(BUCKET, 12, job="app", http_route="/api/v1/slots", le=edge)
    count(MISSED, 1, rule_group="/rules/slo-availability.yml;slo-availability-grid")
    count(MISSED, 0, rule_group="/rules/slo-api-latency.yml;slo-api-latency-grid")
    count(MISSED, 1, rule_group="/rules/theirs.yml;theirs")
    with serve(history, tmp_path_factory.mktemp("live")) as client:
        yield client


def only(name: str, *, good: str = "", total: str = "") -> Catalogue:
    whole = load(None, "compose")
    (slo,) = (slo for slo in whole.slos if slo.name == name)
    return replace(whole, slos=(replace(slo, sli=RatioSli(good=good, total=total)) if good else slo,))


def codes(found: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in found if finding.code != "missed-evaluations"]


def test_an_slo_whose_series_are_there_is_no_finding(prometheus: Prometheus) -> None:
    for name in ("booking-success", "availability"):
        assert codes(live_findings(only(name), prometheus.instant, prometheus.retention())) == []


@pytest.mark.parametrize(
    ("good", "total", "expected"),
    [
        (f'{RESPONSES}{{code="200"}}', RESPONSES, ["silent-selector"]),
        (f'{BUCKET}{{job="app",le="0.25"}}', RESPONSES, ["missing-bucket"]),
        (f'{BUCKET}{{job="api",le="0.2"}}', RESPONSES, ["silent-selector"]),
        (f'{BUCKET}{{job="app",le="0.2"}}', f'{RESPONSES}{{proxy="api"}}', ["more-than-total-live"]),
        ("nothing_of_that_name_total", RESPONSES, []),
    ],
)
def test_what_matches_nothing_or_too_much_is_found(
    prometheus: Prometheus, good: str, total: str, expected: list[str]
) -> None:
    found = list(live_findings(only("availability", good=good, total=total), prometheus.instant, None))
    assert codes(found) == expected
    assert all(finding.file == "slos/availability.yaml" and finding.line and finding.remedy for finding in found)


def test_the_edges_that_there_are_are_named(prometheus: Prometheus) -> None:
    catalogue = only("availability", good=f'{BUCKET}{{job="app",le="0.25"}}', total=RESPONSES)
    found = next(one for one in live_findings(catalogue, prometheus.instant, None) if one.code == "missing-bucket")
    assert "use one of 0.1, 0.2" in found.remedy


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A day and an hour of four requests an hour, scraped once a minute."""
    history, now = History(), clock.now()
    times = [now + timedelta(minutes=step) for step in range(-25 * 60, 5)]
    for proxy in ("api", "bookings", "pages"):
        history.add(RESPONSES, {"proxy": proxy, "code": "2xx"}, [(at, float(n // 15)) for n, at in enumerate(times)])
        history.add(RESPONSES, {"proxy": proxy, "code": "5xx"}, [(at, 0.0) for at in times])
        history.add("haproxy_backend_responses_denied_total", {"proxy": proxy}, [(at, 0.0) for at in times])
    history.add("probe_success", {"probe": "edge"}, [(at, 1.0) for at in times])
    with serve(history, tmp_path_factory.mktemp("quiet")) as client:
        yield client


def test_the_traffic_of_the_last_day_decides_what_alerts_can_see(quiet: Prometheus) -> None:
    found = {one.code: one for one in live_findings(only("booking-success"), quiet.instant, None)}
    assert set(found) == {"too-little-traffic", "scraped-rarely"}
    assert "ErrorBudgetBurnFast can never fire at 4 bookings an hour (measured over the last day): it waits" in (
        found["too-little-traffic"].message
    )
    assert "has 5 samples in 5m, and the environment says that scrapes are 15s apart" in found["scraped-rarely"].message
    # As often as it is scraped there is nothing to find.
    whole = only("booking-success")
    rare = replace(whole, environment=replace(whole.environment, scrape_interval=timedelta(minutes=1)))
    assert "scraped-rarely" not in codes(live_findings(rare, quiet.instant, None))


@pytest.mark.parametrize(("expected", "code"), [("100", "expected-traffic"), ("12", None), ("0.3", "expected-traffic")])
def test_traffic_that_is_ten_times_what_was_expected_is_found(
    quiet: Prometheus, expected: str, code: str | None
) -> None:
    whole = only("booking-success")
    (slo,) = whole.slos
    stated = replace(whole, slos=(replace(slo, expected_requests_per_hour=Decimal(expected)),))
    found = set(codes(live_findings(stated, quiet.instant, None))) - {"scraped-rarely"}
    assert found == ({code} if code else set())


def test_only_late_groups_of_ours_are_found(prometheus: Prometheus) -> None:
    late, good = (
        [finding for finding in live_findings(only(name), prometheus.instant, None) if "missed" in finding.code]
        for name in ("availability", "api-latency")
    )
    assert [finding.message.split(" evaluations of ")[1] for finding in late] == [
        "the group slo-availability-grid in the last hour"
    ]
    assert good == []


def test_a_server_that_keeps_samples_for_too_short_is_found(prometheus: Prometheus) -> None:
    assert prometheus.retention() == "10y"
    catalogue = only("availability")
    assert "beyond-retention" in codes(live_findings(catalogue, prometheus.instant, "15d"))
    assert "beyond-retention" not in codes(live_findings(catalogue, prometheus.instant, "30d or 1GB"))


@pytest.mark.parametrize(
    ("text", "days"), [("15d", 15), ("1y or 100GiB", 365), ("1y5w", 400), ("100GB", None), ("", None)]
)
def test_retention_is_read_in_prometheus_words(text: str, days: int | None) -> None:
    assert kept_for(text) == (None if days is None else timedelta(days=days))
