"""What an environment says is held against what Prometheus and Alertmanager do with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.catalogue.load import load
from monitor.catalogue.model import (
    Catalogue,
    Receiver,
)
from monitor.check import findings
from tests.checked_catalogues import codes, with_alert


@pytest.fixture(scope="module")
def bundled() -> Catalogue:
    return load(None, "compose")


@pytest.mark.parametrize(
    ("wrong", "code", "message"),
    [
        ({"prometheus_version": "2.41.0"}, "unsupported-prometheus", "the first is 2.42"),
        ({"repeat_interval": timedelta(seconds=5)}, "repeat-too-often", "is shorter than group_interval 1m30s"),
    ],
)
def test_an_environment_that_its_servers_do_not_take_as_written_is_found(
    bundled: Catalogue, wrong: dict[str, object], code: str, message: str
) -> None:
    environment = replace(bundled.environment, **wrong)  # type: ignore[arg-type]

    (finding,) = findings(replace(bundled, environment=environment))

    assert (finding.file, finding.code) == ("environments/compose.yaml", code)
    assert message in finding.message


@pytest.mark.parametrize("name", ["compose", "local"])
def test_ends_that_people_would_be_told_again_and_again_are_found(name: str) -> None:
    catalogue = load(None, name)
    least = timedelta(minutes=1) + 2 * catalogue.environment.evaluation_interval
    chat = Receiver(name="chat", kind="slack", settings={"api_url_file": "/run/secrets/c", "channel": "#sre"})
    contacts = catalogue.contacts
    teams = tuple(replace(team, critical=(*team.critical, "chat")) for team in contacts.teams)
    heard = replace(catalogue, contacts=replace(contacts, teams=teams, receivers=(*contacts.receivers, chat)))

    def told(catalogue: Catalogue, group_interval: timedelta) -> list[str]:
        environment = replace(catalogue.environment, group_interval=group_interval)
        return [found.code for found in findings(replace(catalogue, environment=environment))]

    assert told(heard, least) == []
    assert told(heard, least - timedelta(seconds=1)) == ["ends-repeated"]
    assert told(catalogue, timedelta(seconds=5)) == [], "the console takes an end as often as it comes"


def test_the_environment_to_start_from_tells_people_of_an_end_once() -> None:
    environment = load(None, "compose").environment
    assert environment.group_interval >= timedelta(minutes=1) + 2 * environment.evaluation_interval


@pytest.mark.parametrize(
    ("field", "minutes", "expected"),
    [
        ("scrape_interval", 3, {"scraped-too-rarely", "window-too-short"}),
        ("evaluation_interval", 3, {"window-too-short"}),
        ("evaluation_interval", 2, set()),
    ],
)
def test_intervals_that_the_shortest_window_does_not_fit_are_found(
    bundled: Catalogue, field: str, minutes: int, expected: set[str]
) -> None:
    wrong = {field: timedelta(minutes=minutes)}
    rare = replace(bundled, environment=replace(bundled.environment, **wrong))  # type: ignore[arg-type]

    found = [finding for finding in findings(rare) if finding.file == "environments/compose.yaml"]

    assert {finding.code for finding in found} == expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("sum(rate(redis_commands_processed_total[20s])) > 1", ["range-too-short"]),
        ("avg(delta(redis_memory_used_bytes[29s]) > 1) or vector(1)", ["range-too-short"]),
        ("rate(redis_commands_processed_total[30s]) > 1", []),
        ("max_over_time(redis_memory_used_bytes[20s]) > 1", []),
    ],
)
def test_ranges_that_hold_fewer_than_two_scrapes_are_found(bundled: Catalogue, expr: str, expected: list[str]) -> None:
    assert [code for code, _ in codes(with_alert(bundled, expr))] == expected


def test_a_range_of_an_slos_query_that_holds_fewer_than_two_scrapes_is_found(bundled: Catalogue) -> None:
    rare = replace(bundled, environment=replace(bundled.environment, scrape_interval=timedelta(seconds=61)))

    (found,) = [finding for finding in findings(rare) if finding.code == "range-too-short"]

    assert found.message == "api-mean-latency takes rate() over 2m, and scrapes are 1m1s apart: mostly it has no answer"
    assert found.file == "slos/api-mean-latency.yaml"


@pytest.mark.parametrize("environment", ["local", "compose"])
def test_no_range_of_ours_is_too_short_where_each_minute_is_scraped(environment: str) -> None:
    minute = {"scrape_interval": "60s", "evaluation_interval": "60s"}

    assert findings(load(None, environment, environment_overrides=minute)) == ()
