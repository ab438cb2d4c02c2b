"""Alertmanager's webhook body (version 4) -> alert records. Pure.

Strict about every field that is used, silent about fields that are not known: newer Alertmanagers add some.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Literal

from monitor import clock
from monitor.store import AlertRecord

VERSION = "4"
EVALUATED_AT = "evaluated_at"
"""The Watchdog's annotation that holds the Unix time of the rule evaluation, if the rule writes it."""

Json = Any
"""What ``json.loads`` may return."""


class NotificationError(ValueError):
    """The body is not a notification of Alertmanager; the message says in one sentence what is wrong with it."""


def parse(body: Json, received_at: datetime) -> tuple[AlertRecord, ...]:
    """Turn one notification into its alerts.

    Raises:
        NotificationError: a field that is needed is missing, or is not what it should be.
    """
    fields = _mapping(body, "the body")
    version = fields.get("version", VERSION)
    if version != VERSION:
        raise NotificationError(f"version is {version!r}: this receiver understands version 4 of the webhook")
    alerts = fields.get("alerts")
    if not isinstance(alerts, list):
        raise NotificationError("alerts is missing or is not a list")
    return tuple(_alert(alert, f"alerts[{number}]", received_at) for number, alert in enumerate(alerts))


def watchdog_latency(alerts: tuple[AlertRecord, ...], received_at: datetime) -> float | None:
    """Say how old the newest rule evaluation was when it arrived, in seconds; ``None`` where no alert tells."""
    times = [_number(alert.annotations.get(EVALUATED_AT, "")) for alert in alerts if alert.state == "firing"]
    known = [time for time in times if time is not None]
    return max(0.0, received_at.timestamp() - max(known)) if known else None


def _alert(value: Json, place: str, received_at: datetime) -> AlertRecord:
    fields = _mapping(value, place)
    labels = _texts(fields.get("labels"), f"{place}.labels")
    if not labels.get("alertname"):
        raise NotificationError(f"{place}.labels has no alertname")
    state = _state(fields.get("status"), f"{place}.status")
    fingerprint = fields.get("fingerprint")
    if not isinstance(fingerprint, str) or not fingerprint:
        raise NotificationError(f"{place}.fingerprint is missing or is not a text")
    return AlertRecord(
        fingerprint=fingerprint,
        labels=labels,
        annotations=_texts(fields.get("annotations", {}), f"{place}.annotations"),
        state=state,
        starts_at=_instant(fields.get("startsAt"), f"{place}.startsAt"),
        received_at=received_at,
        # While an alert fires, Alertmanager sends the year 1 here.
        ends_at=_instant(fields.get("endsAt"), f"{place}.endsAt") if state == "resolved" else None,
    )


def _mapping(value: Json, place: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise NotificationError(f"{place} is not a JSON object")
    return value


def _texts(value: Json, place: str) -> dict[str, str]:
    fields = _mapping(value, place)
    wrong = sorted(name for name, text in fields.items() if not isinstance(text, str))
    if wrong:
        raise NotificationError(f"{place}.{wrong[0]} is not a text")
    return fields


def _state(value: Json, place: str) -> Literal["firing", "resolved"]:
    match value:
        case "firing" | "resolved":
            return value  # type: ignore[no-any-return]  # mypy does not narrow Any to the matched literals
        case _:
            raise NotificationError(f'{place} is neither "firing" nor "resolved"')


def _instant(value: Json, place: str) -> datetime:
    if not isinstance(value, str):
        raise NotificationError(f"{place} is missing or is not a text")
    try:
        return clock.from_rfc3339(value)
    except (ValueError, OverflowError) as error:
        raise NotificationError(f"{place} is not a time in RFC 3339 form") from error


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
