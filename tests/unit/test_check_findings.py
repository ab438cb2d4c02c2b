from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.catalogue.load import load
from monitor.catalogue.model import (
    AlertCase,
    AlertTest,
    Catalogue,
    Contacts,
    RatioSli,
    Receiver,
    Slo,
    Team,
)
from monitor.check import findings, missing_jobs, missing_series
from monitor.check.alerts import lost
from monitor.check.series import MOST_GUESSES
from tests.checked_catalogues import changed, codes, with_alert


@pytest.fixture(scope="module")
def bundled() -> Catalogue:
    return load(None, "compose")


def test_the_bundled_catalogue_promises_nothing_that_cannot_hold(bundled: Catalogue) -> None:
    assert findings(bundled) == ()


def test_a_metric_that_nobody_declares_is_found_with_what_may_be_meant(bundled: Catalogue) -> None:
    (finding,) = findings(with_alert(bundled, "redis_upp == 0"))

    assert (finding.file, finding.line, finding.code) == ("alerts/mine.yaml", 7, "unknown-metric")
    assert finding.message == "nobody declares the metric redis_upp"
    assert "redis_up" in finding.remedy


def test_where_many_metrics_are_unknown_none_is_taken_for_a_slip(bundled: Catalogue) -> None:
    names = [f"redis_up{number}" for number in range(100)]

    found = findings(with_alert(bundled, " + ".join(names) + " > 1"))

    assert len(found) == len(names)
    assert 0 < sum("did you mean redis_up?" in finding.remedy for finding in found) <= MOST_GUESSES


@pytest.mark.parametrize(
    ("expr", "code"),
    [
        ('redis_up{member="x"} == 0', "unknown-label"),
        ('rate(http_server_request_duration_seconds_bucket{le="0.21"}[5m]) > 1', "unknown-bucket"),
        ('rate(http_server_request_duration_seconds_bucket{le="fast"}[5m]) > 1', "unknown-bucket"),
        ("max_over_time(redis_up[500d]) == 0", "beyond-retention"),
    ],
)
def test_labels_edges_and_ranges_that_do_not_exist_are_found(bundled: Catalogue, expr: str, code: str) -> None:
    assert [found for found, _ in codes(with_alert(bundled, expr))] == [code]


@pytest.mark.parametrize(
    "expr",
    [
        'rate(http_server_request_duration_seconds_bucket{le="0.2",job="app"}[5m]) > 1',
        'rate(http_server_request_duration_seconds_bucket{le="1.0"}[5m]) > 1',
        'monitor_job_overdue{exported_job="backup"} > 0',
        'slo:burn_rate:ratio{slo="availability",window="1h"} > 2',
        "vector(1) and on () up",
        "histogram_quantile(0.9, sum by (le) (rate(http_server_request_duration_seconds_bucket[5m]))) > 1",
        "histogram_quantile(0.9, slo:sli:ratio) > 1",
    ],
)
def test_what_is_declared_or_recorded_is_no_finding(bundled: Catalogue, expr: str) -> None:
    assert codes(with_alert(bundled, expr)) == []


NATIVE = RatioSli(
    good='histogram_fraction(0, 0.2, http_server_request_duration_seconds{job="app"})',
    total='histogram_count(http_server_request_duration_seconds{job="app"})',
)


def test_native_histograms_are_found_where_prometheus_is_too_old_for_them_and_nowhere_else(bundled: Catalogue) -> None:
    catalogue = changed(bundled, "api-latency", lambda slo: replace(slo, sli=NATIVE))
    (finding,) = findings(catalogue)
    newer = replace(catalogue, environment=replace(catalogue.environment, prometheus_version="3.5"))
    alert = with_alert(bundled, "histogram_avg(rate(http_server_request_duration_seconds[5m])) > 1")

    assert (finding.file, finding.code) == ("slos/api-latency.yaml", "native-histogram")
    assert "from Prometheus 3.0 on, and 2.55 runs here" in finding.message
    assert "--enable-feature=native-histograms" in finding.remedy
    assert codes(newer) == []
    assert [code for code, _ in codes(alert)] == ["native-histogram"]


def test_a_native_histogram_is_one_that_somebody_declares_by_its_bare_name(bundled: Catalogue) -> None:
    environment = replace(bundled.environment, prometheus_version="3.5")
    for expr, message in (
        ("histogram_count(redis_up) > 1", "nobody declares the histogram redis_up"),
        (
            "histogram_count(http_server_request_duration_second) > 1",
            "nobody declares the histogram http_server_request",
        ),
        (
            "sum(http_server_request_duration_seconds) > 1",
            "nobody declares the metric http_server_request_duration_sec",
        ),
    ):
        (found,) = findings(replace(with_alert(bundled, expr), environment=environment))
        assert found.message.startswith(message)


def test_a_native_histogram_that_is_not_there_says_how_it_would_be(bundled: Catalogue) -> None:
    catalogue = changed(bundled, "api-latency", lambda slo: replace(slo, sli=NATIVE))
    missing = {finding.message: finding.remedy for finding in missing_series(catalogue, lambda _: ())}

    message = "Prometheus has no native histogram http_server_request_duration_seconds now"
    assert "scrape_native_histograms" in missing[message]


def test_an_alert_that_can_never_fire_is_found(bundled: Catalogue) -> None:
    lax = changed(bundled, "availability", lambda slo: replace(slo, target=Decimal("0.9")))

    ((code, message),) = codes(lax)

    assert code == "never-fires"
    assert "ErrorBudgetBurnFast can never fire" in message
    assert "total failure is 10" in message


def test_a_window_longer_than_samples_are_kept_is_found(bundled: Catalogue) -> None:
    short = replace(bundled, environment=replace(bundled.environment, retention=timedelta(days=15)))

    assert {code for code, _ in codes(short)} == {"beyond-retention"}
    judged = [message for _, message in codes(short) if "is judged over" in message]
    rolling = [slo for slo in bundled.slos if slo.window.calendar is None]
    assert 0 < len(judged) == len(rolling) < len(bundled.slos)


def test_days_that_are_sealed_are_not_lost_but_what_burn_alerts_look_back_on_is(bundled: Catalogue) -> None:
    (sla,) = (slo for slo in bundled.slos if slo.window.calendar)
    assert lost(sla, timedelta(days=3), "3d") == ""
    assert lost(sla, timedelta(days=2), "2d") == (
        "the alerts of availability-sla look back for 3d, and samples are kept for 2d"
    )


def test_an_alert_of_a_team_that_nobody_is_is_found(bundled: Catalogue) -> None:
    assert [code for code, _ in codes(with_alert(bundled, "redis_up == 0", team="nobody"))] == ["no-route"]


def test_a_route_and_a_receiver_that_no_alert_reaches_are_found(bundled: Catalogue) -> None:
    lonely = Team(name="lonely", critical=("console",), warning=())
    unused = Receiver(name="unused", kind="webhook", settings={"url": "http://127.0.0.1:1"})
    contacts = Contacts(teams=(*bundled.contacts.teams, lonely), receivers=(*bundled.contacts.receivers, unused))

    assert codes(replace(bundled, contacts=contacts)) == [
        ("dead-route", "no alert is critical for team lonely"),
        ("dead-route", "no team lists receiver unused"),
    ]


def test_a_receiver_that_alertmanager_is_too_old_for_is_found(bundled: Catalogue) -> None:
    receivers = (
        Receiver(name="console", kind="webhook", settings={}),
        Receiver(name="teams", kind="msteams", settings={"webhook_url": "https://example.org"}),
        Receiver(name="hook", kind="webhook", settings={"url_file": "/run/secrets/hook"}),
    )
    team = Team(name="sre", critical=("teams",), warning=("hook",))
    newer = replace(bundled, contacts=Contacts(teams=(team,), receivers=receivers))
    older = replace(newer, environment=replace(bundled.environment, alertmanager_version="0.25"))

    assert [code for code, _ in codes(older)] == ["unsupported-receiver"] * 2
    assert codes(newer) == []


def test_an_alert_without_a_test_is_found(bundled: Catalogue) -> None:
    untested = replace(bundled, alert_tests={k: v for k, v in bundled.alert_tests.items() if "redis" not in k})

    found = codes(untested)
    assert ("no-test", "RedisDown has no test in which it is firing or silent or pending") in found
    assert {message.split()[0] for _, message in found} == {
        rule.name for group in bundled.alerts if group.name == "redis" for rule in group.rules
    }


def test_a_test_of_an_alert_that_there_is_not_is_found(bundled: Catalogue) -> None:
    case = AlertCase(alertname="RedisDwn", eval_time=timedelta(minutes=1))
    test = AlertTest(
        interval=timedelta(minutes=1), alert_rule_test=(case, replace(case, alertname="ErrorBudgetBurnFast"))
    )
    tests = dict(bundled.alert_tests) | {"mine.test.yaml": (test,)}

    (finding,) = findings(replace(bundled, alert_tests=tests))

    assert (finding.file, finding.code) == ("alerts/mine.test.yaml", "no-such-alert")
    assert finding.message == "a test is about RedisDwn, and there is no such alert"
    assert finding.remedy == "did you mean RedisDown?"


def test_missing_empty_and_orphaned_runbooks_are_found(bundled: Catalogue) -> None:
    pages = {"runbooks/RedisDown.md": "# RedisDown\n\n## Meaning\n\nx\n\n## Impact\n", "runbooks/Gone.md": "x"}

    found = codes(bundled, pages)

    assert ("orphan-runbook", "no alert leads here") in found
    assert ("no-runbook", "MongoNoPrimary has no runbook") in found
    assert any(code == "empty-runbook" and "under Impact, First 5 minutes" in message for code, message in found)


@dataclass(frozen=True, slots=True)
class Answer:
    labels: dict[str, str]


def test_a_live_prometheus_is_asked_for_every_metric_that_is_read(bundled: Catalogue) -> None:
    questions: list[str] = []

    def ask(query: str) -> list[Answer]:
        questions.append(query)
        names = query.partition('"')[2].partition('"')[0].split("|")
        return [Answer({"__name__": name}) for name in names if name != "redis_up"]

    (finding,) = missing_series(bundled, ask)

    assert (finding.code, finding.message) == ("missing-series", "Prometheus has no series redis_up now")
    assert finding.file == "alerts/redis.yaml"
    assert "haproxy_backend_http_responses_total" in questions[0]


def test_a_live_prometheus_is_asked_for_every_job_that_alerts_select(bundled: Catalogue) -> None:
    def ask(query: str) -> list[Answer]:
        assert query == "group by (job) (up)"
        return [Answer({"job": job}) for job in bundled.environment.targets]

    (found,) = missing_jobs(with_alert(bundled, 'up{job="exporter"} == 0 or absent(up{job="exporter"})'), ask)

    assert (found.file, found.line, found.code) == ("alerts/mine.yaml", 7, "missing-job")
    assert found.message == "Mine selects the job exporter, and Prometheus scrapes none of that name"
    assert found.remedy == "did you mean exporters?"
    assert list(missing_jobs(bundled, ask)) == []
    nobody = {found.message for found in missing_jobs(bundled, lambda _: [Answer({"job": "x"})])}
    assert len(nobody) < len(bundled.environment.targets) + 1
    assert all(
        "more), and Prometheus" in message for message in nobody if " job app" in message or " job work" in message
    )
    assert list(missing_jobs(bundled, lambda _: ())) == []  # where nothing is scraped, that is what there is to say


def test_probes_are_held_against_declarations_too(bundled: Catalogue) -> None:
    def misname(slo: Slo) -> Slo:
        assert isinstance(slo.sli, RatioSli)
        return replace(slo, sli=replace(slo.sli, probe="probe_succes"))

    assert [code for code, _ in codes(changed(bundled, "availability", misname))] == ["unknown-metric"]


RESPONSES = "haproxy_backend_http_responses_total"
BUCKET = "http_server_request_duration_seconds_bucket"
COUNT = "http_server_request_duration_seconds_count"


@pytest.mark.parametrize(
    ("part", "total", "expected"),
    [
        (f'{RESPONSES}{{code="5xx"}}', f'{RESPONSES}{{proxy="api"}}', ["more-than-total"]),
        (f'{RESPONSES}{{proxy="pages",code="5xx"}}', f'{RESPONSES}{{proxy=~"api|bookings"}}', ["more-than-total"]),
        (f'{RESPONSES}{{proxy=~"api|pages",code="5xx"}}', f'{RESPONSES}{{proxy!="pages"}}', ["more-than-total"]),
        (f'{BUCKET}{{le="0.2"}}', f'{COUNT}{{job="app"}}', ["more-than-total"]),
        (f'{RESPONSES}{{proxy="api"}}', f'sum({RESPONSES}{{proxy="api"}})', ["part-is-whole"]),
        (f'sum({RESPONSES}{{proxy="api"}}) + sum({COUNT})', f'{RESPONSES}{{proxy="api"}}', ["part-is-whole"]),
        (f'{RESPONSES}{{proxy="api",code="5xx"}}', f'{RESPONSES}{{proxy=~"api|bookings"}}', []),
        (f'{RESPONSES}{{code="5xx"}}', f'{RESPONSES}{{proxy=~".*"}}', []),
        (f'{RESPONSES}{{proxy=~"a.*",code="5xx"}}', f'{RESPONSES}{{proxy=~"ap.*"}}', []),
        (f'{BUCKET}{{job="app",le="0.2"}}', f'{COUNT}{{job="app"}}', []),
        (f'{RESPONSES}{{code="5xx"}}', f'sum({RESPONSES}{{proxy="api"}}) + sum({RESPONSES}{{proxy="pages"}})', []),
        (f'{BUCKET}{{le="0.2"}}', f'{RESPONSES}{{proxy="api"}}', []),
    ],
)
@pytest.mark.parametrize("word", ["good", "bad"])
def test_a_part_that_is_surely_no_part_is_found(
    bundled: Catalogue, word: str, part: str, total: str, expected: list[str]
) -> None:
    sli = RatioSli(good=part if word == "good" else "", bad=part if word == "bad" else "", total=total)

    assert [code for code, _ in codes(changed(bundled, "availability", lambda slo: replace(slo, sli=sli)))] == expected
