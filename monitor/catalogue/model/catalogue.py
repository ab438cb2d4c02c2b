"""All of it together. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from monitor.catalogue.model.alert_tests import AlertTest
from monitor.catalogue.model.alerts import AlertGroup, Inhibition
from monitor.catalogue.model.contacts import Contacts
from monitor.catalogue.model.environment import Environment
from monitor.catalogue.model.metrics import DeclaredMetric
from monitor.catalogue.model.recovery import DrillPlan, Recovery
from monitor.catalogue.model.slos import Slo
from monitor.catalogue.model.waivers import Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything that is promised, in one value."""

    root: Path
    environment: Environment
    slos: tuple[Slo, ...] = ()
    alerts: tuple[AlertGroup, ...] = ()
    alert_tests: dict[str, tuple[AlertTest, ...]] = field(default_factory=dict)
    """The tests that stand beside the alerts, by the name of their file."""
    inhibitions: tuple[Inhibition, ...] = ()
    """In the order of their file; what follows from the SLOs is added when they are rendered."""
    recovery: Recovery | None = None
    drills: tuple[DrillPlan, ...] = ()
    contacts: Contacts = field(default_factory=Contacts)
    metrics: tuple[DeclaredMetric, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    """In the order of their file."""

    def slo(self, name: str) -> Slo | None:
        """Find an SLO by name."""
        return next((slo for slo in self.slos if slo.name == name), None)
