"""What must hold before anything is broken, and again afterwards. Every check says its sentence, good or bad."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from monitor import clock
from monitor.catalogue.model import Severity
from monitor.drills import ledger
from monitor.drills.drill import Field
from monitor.sources.alertmanager import ActiveAlert, active_alerts

Check = Callable[[Field], tuple[bool, str]]

BOOKED_WITHIN = timedelta(seconds=30)
"""Simulated patients book several times a second; half a minute without one is an outage already."""


def armed(field: Field) -> tuple[bool, str]:
    """Only where the environment says that things may be broken."""
    environment = field.catalogue.environment
    if environment.armed:
        return True, f"environment {environment.name} is armed"
    return False, (
        f"environment {environment.name} is not armed: this drill breaks things, and runs only where "
        f"environments/{environment.name}.yaml says `armed: true`"
    )


def everything_healthy(field: Field) -> tuple[bool, str]:
    """Every component of the stack is healthy."""
    components = field.stack.status()
    ill = [f"{component.name} is {component.state}" for component in components if component.state != "healthy"]
    if ill:
        return False, f"not every component is healthy: {', '.join(ill)}"
    return True, f"all {len(components)} components are healthy"


def nobody_paged(field: Field) -> tuple[bool, str]:
    """No critical alert is firing: what is hurt already is not hurt more."""
    firing = _active(field)
    critical = sorted({alert.name for alert in firing if alert.labels.get("severity") == Severity.CRITICAL})
    if critical:
        return False, f"critical alerts are firing: {', '.join(critical)}"
    return True, "no critical alert is firing"


def nobody_told_already(field: Field) -> tuple[bool, str]:
    """The alert that the drill expects is not firing yet: else nobody could tell who noticed what."""
    expected = field.plan.expect_alert
    if not expected:
        return True, "no particular alert is expected"
    if any(alert.name == expected for alert in _active(field)):
        return False, f"{expected}, by which this drill should be noticed, is firing already"
    return True, f"{expected} is not firing"


def _active(field: Field) -> tuple[ActiveAlert, ...]:
    return active_alerts(field.settings.alertmanager_url, login=field.settings.alertmanager_login())


def patients_are_booking(field: Field) -> tuple[bool, str]:
    """Bookings are being acknowledged: else a drill could not tell what it cost."""
    now = clock.now()
    booked = ledger.bookings(ledger.read(field.settings.ledger, now - BOOKED_WITHIN))
    if not booked:
        return False, f"no booking was acknowledged in the last {clock.humanize(BOOKED_WITHIN)}: is traffic running?"
    return True, f"{len(booked)} bookings were acknowledged in the last {clock.humanize(BOOKED_WITHIN)}"


BREAKING: tuple[Check, ...] = (armed, everything_healthy, nobody_paged, nobody_told_already, patients_are_booking)
"""Before a drill that breaks things. Any that does not hold: refused, nothing touched."""

STEADY: tuple[Check, ...] = (everything_healthy, patients_are_booking)
"""What a healthy service looks like, asked before and after."""
