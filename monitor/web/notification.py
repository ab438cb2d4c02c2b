"""Alertmanager's webhook body (version 4) -> alert records. Pure.

Strict about every field that is used, silent about fields that are not known: newer Alertmanagers add some. Whatever is
taken here is shown on pages for as long as the store keeps it, so nothing is taken that no page could show: text that
UTF-8 cannot hold, or an instant at the end of time. An alert that cannot be taken costs only itself: the others of its
notification are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from monitor import clock
from monitor.store_alerts import AlertRecord

VERSION = "4"
EVALUATED_AT = "evaluated_at"
"""The Watchdog's annotation that holds the Unix time of the rule evaluation, if the rule writes it."""

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Instants outside are nobody's alert, and near Python's own ends of time no time zone can be applied to one."""

MAX_ENTRIES = 200
"""Labels, or annotations, of one alert; real ones have ten."""
MAX_LABEL = 4096
"""Characters of a label or a fingerprint. They are what an alert is known by, so a longer one is refused, not cut:
Alertmanager and silences would know it by other labels than the console shows."""
MAX_ANNOTATION = 8192
"""Characters of an annotation. A longer one is cut: an alert whose template wrote too much is still an alert."""
_QUOTED = 40
"""Characters of what was sent that a refusal repeats."""

Json = Any
"""What ``json.loads`` may return."""


class NotificationError(ValueError):
    """The body is not a notification of Alertmanager; the message says in one sentence what is wrong with it."""


class UnshowableError(NotificationError):
    """An alert as Alertmanager may well send one, that is more than is kept here: its rule says too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An alert that could not be taken: its name, as far as it has one, and in one sentence what is wrong with it."""

    alert: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What was in one notification."""

    alerts: tuple[AlertRecord, ...]
    refused: tuple[Refusal, ...] = ()


def parse(body: Json, received_at: datetime) -> Notification:
    """Turn one notification into its alerts.

    Raises:
        NotificationError: it is none: a field that is needed is missing, or is not what it should be, in the body or in
            each of its alerts.
    """
    fields = _mapping(body, "the body")
    version = fields.get("version", VERSION)
    if version != VERSION:
        said = repr(version[:_QUOTED]) if isinstance(version, str) else "no text"
        raise NotificationError(f"version is {said}: this receiver understands version 4 of the webhook")
    alerts = fields.get("alerts")
    if not isinstance(alerts, list):
        raise NotificationError("alerts is missing or is not a list")
    taken: list[AlertRecord] = []
    refused: list[Refusal] = []
    forged: list[NotificationError] = []
    for number, alert in enumerate(alerts):
        try:
            taken.append(_alert(alert, f"alerts[{number}]", received_at))
        except NotificationError as error:
            refused.append(Refusal(alert=_name(alert), reason=str(error)))
            forged += [] if isinstance(error, UnshowableError) else [error]
    if forged and not taken:
        raise forged[0]
    return Notification(alerts=tuple(taken), refused=tuple(refused))


def _name(alert: Json) -> str:
    labels = alert.get("labels") if isinstance(alert, dict) else None
    name = labels.get("alertname") if isinstance(labels, dict) else None
    return name if isinstance(name, str) else ""


def watchdog_latency(alerts: tuple[AlertRecord, ...], received_at: datetime) -> float | None:
    """Say how old the newest rule evaluation was when it arrived, in seconds; ``None`` where no alert tells."""
    times = [_epoch(alert.annotations.get(EVALUATED_AT, "")) for alert in alerts if alert.state == "firing"]
    known = [time for time in times if time is not None]
    return max(0.0, received_at.timestamp() - max(known)) if known else None


def _alert(value: Json, place: str, received_at: datetime) -> AlertRecord:
    fields = _mapping(value, place)
    labels = {
        name: _short(text, f"{place}.labels.{name}")
        for name, text in _texts(fields.get("labels"), f"{place}.labels").items()
    }
    if not labels.get("alertname"):
        raise UnshowableError(f"{place}.labels has no alertname")
    state = _state(fields.get("status"), f"{place}.status")
    fingerprint = fields.get("fingerprint")
    if not isinstance(fingerprint, str) or not fingerprint:
        raise NotificationError(f"{place}.fingerprint is missing or is not a text")
    if len(fingerprint) > MAX_LABEL:
        raise NotificationError(f"{place}.fingerprint has {len(fingerprint)} characters: Alertmanager's have 16")
    annotations = _texts(fields.get("annotations", {}), f"{place}.annotations")
    return AlertRecord(
        fingerprint=_encodable(fingerprint, f"{place}.fingerprint"),
        labels=labels,
        annotations={name: _cut(text) for name, text in annotations.items()},
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
    if len(fields) > MAX_ENTRIES:
        raise UnshowableError(f"{place} has {len(fields)} entries: at most {MAX_ENTRIES} are taken")
    for name, text in sorted(fields.items()):
        _encodable(name, f"a name in {place}")
        if len(name) > MAX_LABEL:
            raise UnshowableError(f"a name in {place} has {len(name)} characters: at most {MAX_LABEL} are taken")
        if not isinstance(text, str):
            raise NotificationError(f"{place}.{name[:_QUOTED]} is not a text")
        _encodable(text, f"{place}.{name[:_QUOTED]}")
    return fields


def _encodable(text: str, place: str) -> str:
    """Refuse half of a surrogate pair, which JSON can write and UTF-8, SQLite and a page cannot."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotificationError(f"{place} is not text that UTF-8 can hold") from error
    return text


def _short(text: str, place: str) -> str:
    if len(text) > MAX_LABEL:
        raise UnshowableError(f"{place[:_QUOTED]} has {len(text)} characters: at most {MAX_LABEL} are taken")
    return text


def _cut(text: str) -> str:
    return text if len(text) <= MAX_ANNOTATION else f"{text[: MAX_ANNOTATION - 1]}…"


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
        instant = clock.from_rfc3339(value)
    except (ValueError, OverflowError) as error:
        raise NotificationError(f"{place} is not a time in RFC 3339 form") from error
    if not EARLIEST <= instant < LATEST:
        raise UnshowableError(f"{place} does not lie between the years {EARLIEST.year} and {LATEST.year}")
    return instant


def _epoch(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    # Not a number is not between anything either.
    return seconds if EARLIEST.timestamp() <= seconds < LATEST.timestamp() else None
