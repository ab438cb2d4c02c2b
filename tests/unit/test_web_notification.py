"""Alertmanager's webhook body: what is taken, what is refused and with which sentence."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.web.notification import NotificationError, parse, watchdog_latency

RECEIVED = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)

# As Alertmanager 0.25 sends it, plus a field of 0.32.
BODY: dict[str, Any] = {
    "receiver": "console",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "RedisDown", "severity": "warning"},
            "annotations": {"summary": "Redis does not answer"},
            "startsAt": "2026-11-22T16:59:30.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://somewhere:9090/graph",
            "fingerprint": "5b0f1e9f0c5f1c2a",
        }
    ],
    "groupLabels": {},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://somewhere:9093",
    "version": "4",
    "groupKey": "{}:{}",
    "truncatedAlerts": 0,
    "notification_reason": "a field that came later",
}


def changed(**fields: Any) -> dict[str, Any]:
    body = copy.deepcopy(BODY)
    body["alerts"][0] |= fields
    return body


def test_a_firing_alert_has_no_end() -> None:
    (alert,) = parse(BODY, RECEIVED).alerts
    assert (alert.state, alert.ends_at, alert.received_at) == ("firing", None, RECEIVED)
    assert alert.starts_at == datetime(2026, 11, 22, 16, 59, 30, 123456, tzinfo=UTC)
    assert alert.labels["alertname"] == "RedisDown"


def test_a_resolved_alert_has_an_end() -> None:
    (alert,) = parse(changed(status="resolved", endsAt="2026-11-22T17:00:00+01:00"), RECEIVED).alerts
    assert (alert.state, alert.ends_at) == ("resolved", datetime(2026, 11, 22, 16, 0, tzinfo=UTC))


def test_unknown_fields_are_no_fault() -> None:
    assert len(parse(changed(something_new={"a": [1]}), RECEIVED).alerts) == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (None, "the body is not a JSON object"),
        ([], "the body is not a JSON object"),
        ({}, "alerts is missing or is not a list"),
        ({"version": "3", "alerts": []}, "version is '3': this receiver understands version 4 of the webhook"),
        ({"alerts": ["x"]}, "alerts[0] is not a JSON object"),
        (changed(labels=None), "alerts[0].labels is not a JSON object"),
        (changed(labels={"alertname": 3}), "alerts[0].labels.alertname is not a text"),
        (changed(annotations=[1]), "alerts[0].annotations is not a JSON object"),
        (changed(status="maybe"), 'alerts[0].status is neither "firing" nor "resolved"'),
        (changed(fingerprint=""), "alerts[0].fingerprint is missing or is not a text"),
        (changed(startsAt=17), "alerts[0].startsAt is missing or is not a text"),
        (changed(startsAt="yesterday"), "alerts[0].startsAt is not a time in RFC 3339 form"),
        (changed(startsAt="2026-11-22T17:00:00"), "alerts[0].startsAt is not a time in RFC 3339 form"),
        (changed(startsAt="0001-01-01T00:00:00+14:00"), "alerts[0].startsAt is not a time in RFC 3339 form"),
        (changed(status="resolved", endsAt=None), "alerts[0].endsAt is missing or is not a text"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(body: Any, sentence: str) -> None:
    with pytest.raises(NotificationError) as refused:
        parse(body, RECEIVED)
    assert str(refused.value) == sentence


TOO_MUCH: dict[str, dict[str, Any]] = {
    "alerts[1].labels.instance has 4097 characters: at most 4096 are taken": {
        "labels": {"alertname": "Long", "instance": "x" * 4097}
    },
    "alerts[1].labels has no alertname": {"labels": {"job": "nameless"}},
    "alerts[1].annotations has 201 entries: at most 200 are taken": {"annotations": {f"a{n}": "x" for n in range(201)}},
    "alerts[1].startsAt does not lie between the years 2000 and 2200": {"startsAt": "1999-01-01T00:00:00Z"},
    "alerts[1] is not a JSON object": {},
}


@pytest.mark.parametrize("reason", TOO_MUCH)
def test_an_alert_that_cannot_be_taken_costs_only_itself(reason: str) -> None:
    body = copy.deepcopy(BODY)
    good = body["alerts"][0]
    body["alerts"] = [good, good | TOO_MUCH[reason] if TOO_MUCH[reason] else "no alert", good | {"fingerprint": "f3"}]
    taken = parse(body, RECEIVED)
    assert [alert.fingerprint for alert in taken.alerts] == [good["fingerprint"], "f3"]
    assert [refusal.reason for refusal in taken.refused] == [reason]


def test_a_refusal_names_the_alert() -> None:
    """So that whoever reads the log finds the rule."""
    (refusal,) = parse(changed(labels={"alertname": "Long", "instance": "x" * 5000}), RECEIVED).refused
    assert refusal.alert == "Long"


@pytest.mark.parametrize(
    ("annotation", "latency"),
    [(str(RECEIVED.timestamp() - 2.5), 2.5), (str(RECEIVED.timestamp() + 9), 0.0), ("nan", None), ("soon", None)],
)
def test_the_watchdog_tells_how_old_its_evaluation_is(annotation: str, latency: float | None) -> None:
    alerts = parse(changed(annotations={"evaluated_at": annotation}), RECEIVED).alerts
    assert watchdog_latency(alerts, RECEIVED) == latency


def test_a_watchdog_without_the_annotation_has_no_latency() -> None:
    assert watchdog_latency(parse(BODY, RECEIVED).alerts, RECEIVED) is None
