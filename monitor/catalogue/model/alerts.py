"""What is told to people: alerts, how urgent they are, and which make which others not worth hearing. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from monitor.catalogue.model.places import Place


class Severity(StrEnum):
    """What an alert does: ``critical`` wakes a human, ``warning`` makes a ticket, ``info`` and ``none`` do neither."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NONE = "none"


class Attention(StrEnum):
    """When people hear of an alert: at once, in the clinic's working hours, by a ticket, or not at all. Most first."""

    NOW = "now"
    WORKING_HOURS = "working-hours"
    TICKET = "ticket"
    NOBODY = "nobody"

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return list(Attention).index(self)


URGENCY_LABEL = "urgency"
"""Beside ``severity: critical`` it may say ``working-hours``: serious, and no worse by the morning."""


HOLIDAYS_LABEL = "holidays"
"""The severity that it has on the clinic's holidays, ``warning`` or ``none``, where that is milder than its own."""

REPEAT_LABEL = "repeat"
"""How long Alertmanager waits before it says again that an alert fires, where that is not the environment's."""


def attention_of(severity: Severity) -> Attention:
    """When people hear of what is so bad, where no other label says more."""
    match severity:
        case Severity.CRITICAL:
            return Attention.NOW
        case Severity.WARNING:
            return Attention.TICKET
        case Severity.INFO | Severity.NONE:
            return Attention.NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One alerting rule in Prometheus's own terms, with what a person needs to act on it."""

    name: str
    expr: str
    hold: timedelta = timedelta(0)
    """Prometheus's ``for``."""
    keep_firing_for: timedelta = timedelta(0)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    place: Place

    @property
    def severity(self) -> Severity:
        """The ``severity`` label."""
        return Severity(self.labels["severity"])

    @property
    def attention(self) -> Attention:
        """When people hear of it, by its labels ``severity`` and ``urgency``."""
        match self.severity:
            case Severity.CRITICAL:
                waits = self.labels.get(URGENCY_LABEL) == Attention.WORKING_HOURS
                return Attention.WORKING_HOURS if waits else Attention.NOW
            case milder:
                return attention_of(milder)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """A named group of alerting rules, evaluated together."""

    name: str
    rules: tuple[AlertRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """While any alert of ``source`` fires, those of ``target`` with the same ``equal`` labels are not sent."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    equal: tuple[str, ...] = ()
    """Labels that both sides carry. Alertmanager counts a label that is missing on both sides as equal."""
    slos: tuple[str, ...] = ()
    """Of alerts that every SLO brings, those of these SLOs alone are meant; empty: of every one."""
    place: Place

    def means(self, rule: AlertRule) -> bool:
        """Whether an alert that the entry names is meant by it."""
        return not self.slos or rule.labels.get("slo", "") in {"", *self.slos}
