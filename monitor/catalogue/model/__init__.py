"""The catalogue as frozen values: what is promised, what wakes whom, what is backed up, what is rehearsed, and where.

Pure: no I/O. The loader turns YAML into these and reports every fault at once; nobody else builds them, tests apart.
"""

from __future__ import annotations

from monitor.catalogue.model.alert_tests import (
    AlertCase,
    AlertTest,
    ExpectedAlert,
    ExpectedSample,
    InputSeries,
    QueryCase,
)
from monitor.catalogue.model.alerts import (
    HOLIDAYS_LABEL,
    REPEAT_LABEL,
    URGENCY_LABEL,
    AlertGroup,
    AlertRule,
    Attention,
    Inhibition,
    Severity,
    attention_of,
)
from monitor.catalogue.model.catalogue import Catalogue
from monitor.catalogue.model.contacts import OFFICE_HOURS, Contacts, Receiver, Team, TeamPart, WorkingHours
from monitor.catalogue.model.environment import Environment
from monitor.catalogue.model.metrics import DeclaredMetric
from monitor.catalogue.model.places import Place
from monitor.catalogue.model.recovery import DrillPlan, Recovery
from monitor.catalogue.model.slos import Budgeting, Calendar, RatioSli, Sli, Slo, ThresholdSli, Window
from monitor.catalogue.model.waivers import Waiver

__all__ = [
    "HOLIDAYS_LABEL",
    "OFFICE_HOURS",
    "REPEAT_LABEL",
    "URGENCY_LABEL",
    "AlertCase",
    "AlertGroup",
    "AlertRule",
    "AlertTest",
    "Attention",
    "Budgeting",
    "Calendar",
    "Catalogue",
    "Contacts",
    "DeclaredMetric",
    "DrillPlan",
    "Environment",
    "ExpectedAlert",
    "ExpectedSample",
    "Inhibition",
    "InputSeries",
    "Place",
    "QueryCase",
    "RatioSli",
    "Receiver",
    "Recovery",
    "Severity",
    "Sli",
    "Slo",
    "Team",
    "TeamPart",
    "ThresholdSli",
    "Waiver",
    "Window",
    "WorkingHours",
    "attention_of",
]
