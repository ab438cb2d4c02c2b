"""Where one alert goes at a time, and why, as a value: each route tried, who is told, when, and what would mute it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor import clock
from monitor.catalogue.model import HOLIDAYS_LABEL, URGENCY_LABEL, AlertRule, Catalogue
from monitor.render import carried
from monitor.render.alertmanager import people
from monitor.render.inhibitions import APART
from monitor.render.rules import all_alerts
from monitor.routing.config import Config, InhibitRule, Route
from monitor.routing.walk import Delivery, Step, deliveries, delivery, inhibited_by, mutes, steps

LOOKED_AHEAD = timedelta(days=14)
"""How far it is looked for the time at which a muted route is heard again."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One receiver that is notified: ``people`` are those of ``contacts.yaml``, or of any other file its kinds."""

    delivery: Delivery
    kinds: tuple[str, ...]
    people: tuple[str, ...]
    again_from: datetime | None = None
    """Where it is muted: when it no longer is, if that is soon."""

    @property
    def heard(self) -> bool:
        """Whether a person is told at that time."""
        return bool(self.people) and not self.delivery.muted


@dataclass(frozen=True, slots=True, kw_only=True)
class Muting:
    """A rule by which other alerts mute this one; ``alerts`` are those of the catalogue that can."""

    rule: InhibitRule
    alerts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The whole answer."""

    labels: Mapping[str, str]
    added: tuple[str, ...]
    """Which of the labels the catalogue added, because the alert's name says them."""
    at: datetime
    steps: tuple[Step, ...]
    sent: tuple[Sent, ...]
    inhibited_by: tuple[Muting, ...]

    @property
    def heard_by(self) -> tuple[str, ...]:
        """Who is told at that time, each once."""
        return tuple(dict.fromkeys(name for sent in self.sent if sent.heard for name in sent.people))

    def to_json(self) -> dict[str, object]:
        """The answer for programs."""
        return {
            "labels": dict(sorted(self.labels.items())),
            "labels_from_catalogue": list(self.added),
            "at": clock.to_rfc3339(self.at),
            "heard_by": list(self.heard_by),
            "receivers": [sent.delivery.route.receiver for sent in self.sent],
            "routes": [_step_json(step) for step in self.steps],
            "deliveries": [_sent_json(sent, self.labels) for sent in self.sent],
            "inhibited_by": [_muting_json(muting) for muting in self.inhibited_by],
        }


def explain(config: Config, labels: Mapping[str, str], at: datetime, catalogue: Catalogue | None = None) -> Explained:
    """Follow an alert; where ``catalogue`` is what the configuration was made of, its names are used.

    Raises:
        ValueError: its name alone does not say which of the catalogue's alerts is meant.
    """
    rules = tuple(all_alerts(catalogue)) if catalogue else ()
    told = people(catalogue) if catalogue else None
    full = with_known_labels(labels, rules)
    return Explained(
        labels=full,
        added=tuple(sorted(full.keys() - labels.keys())),
        at=at,
        steps=steps(config.route, full),
        sent=tuple(_sent(config, one, told, at) for one in deliveries(config, full, at)),
        inhibited_by=tuple(_mutings(config, full, rules, catalogue)),
    )


ROUTED_BY = ("team", "severity", URGENCY_LABEL, HOLIDAYS_LABEL)
"""Labels by which alerts of one name may go different ways."""


def with_known_labels(labels: Mapping[str, str], rules: tuple[AlertRule, ...]) -> dict[str, str]:
    """Add what every alert of that name and of the labels given carries, as far as that is one value.

    Raises:
        ValueError: alerts of that name go different ways, and the labels do not say which of them is meant.
    """
    named = [rule for rule in rules if rule.name == labels.get("alertname")]
    fitting = [rule for rule in named if all(labels.get(name, value) == value for name, value in rule.labels.items())]
    same = fitting or named
    known: dict[str, str] = {}
    for name in sorted({name for rule in same for name in rule.labels}):
        values = sorted({rule.labels.get(name, "") for rule in same})
        if len(values) == 1 and "{{" not in values[0]:
            known[name] = values[0]
        elif name in ROUTED_BY and name not in labels:
            forms = " or ".join(value or "none" for value in values)
            raise ValueError(f"{labels['alertname']} comes with {name} {forms}: say which, as {name}={values[-1]}")
    return known | dict(labels)


def _sent(config: Config, one: Delivery, told: Mapping[str, tuple[str, ...]] | None, at: datetime) -> Sent:
    receiver = config.receivers[one.route.receiver]
    names = tuple(dict.fromkeys(receiver.kinds)) if told is None else told.get(receiver.name, ())
    again = _again_from(config, one.route, at) if one.muted else None
    return Sent(delivery=one, kinds=receiver.kinds, people=names, again_from=again)


def _again_from(config: Config, route: Route, at: datetime) -> datetime | None:
    minute = at.replace(second=0, microsecond=0)
    for number in range(1, LOOKED_AHEAD // _MINUTE):
        then = minute + number * _MINUTE
        if not delivery(config, route, then).muted:
            return then
    return None


def _mutings(
    config: Config, labels: Mapping[str, str], rules: tuple[AlertRule, ...], catalogue: Catalogue | None
) -> Iterator[Muting]:
    metrics = carried.declared(catalogue) if catalogue else {}
    for rule in inhibited_by(config, labels):
        found = {one.name for one in rules if _can_mute(rule, one, labels, metrics)}
        if found or catalogue is None:
            yield Muting(rule=rule, alerts=tuple(sorted(found)))


def _can_mute(rule: InhibitRule, source: AlertRule, target: Mapping[str, str], metrics: carried.Metrics) -> bool:
    """Whether an alert of the catalogue can carry labels by which it mutes the target."""
    possible = carried.of_alert(source, metrics).possible
    same = {
        label: target[label]
        for label in rule.equal
        if label in target and label not in source.labels and (possible is None or label in {*possible, *APART})
    }
    return mutes(rule, {"alertname": source.name, **same, **source.labels}, target)


def _step_json(step: Step) -> dict[str, object]:
    return {
        "route": step.route.path,
        "line": step.route.line,
        "receiver": step.route.receiver,
        "matchers": [str(matcher) for matcher in step.route.matchers],
        "matched": step.matched,
        "failed": [str(matcher) for matcher in step.failed],
        "continue": step.route.goes_on,
        "delivers": step.delivers,
    }


def _sent_json(sent: Sent, labels: Mapping[str, str]) -> dict[str, object]:
    route = sent.delivery.route
    return {
        "receiver": route.receiver,
        "route": route.path,
        "integrations": list(sent.kinds),
        "people": list(sent.people),
        "heard": sent.heard,
        "group_by": {label: labels.get(label, "") for label in grouped_by(route, labels)},
        "group_wait": route.group_wait,
        "group_interval": route.group_interval,
        "repeat_interval": route.repeat_interval,
        "muted_by": list(sent.delivery.muted_by),
        "waits_for": list(sent.delivery.waits_for),
        "again_from": clock.to_rfc3339(sent.again_from) if sent.again_from else None,
    }


def grouped_by(route: Route, labels: Mapping[str, str]) -> tuple[str, ...]:
    """The labels whose values alerts of one notification share; ``...`` stands for all that an alert has."""
    return tuple(sorted(labels)) if "..." in route.group_by else route.group_by


def _muting_json(muting: Muting) -> dict[str, object]:
    rule = muting.rule
    return {
        "line": rule.line,
        "source_matchers": [str(matcher) for matcher in rule.source],
        "equal": list(rule.equal),
        "alerts": list(muting.alerts),
    }
