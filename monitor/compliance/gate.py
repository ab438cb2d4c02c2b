"""May changes go out? One answer for the command line and the API, from the figures that ``monitor slo list`` shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor import clock
from monitor.catalogue import durations
from monitor.compliance.corrections import on_one_line
from monitor.compliance.policy_standing import Standing
from monitor.errors import InputError
from monitor.slo import policy
from monitor.slo.policy import State
from monitor.store import Record, Store

LONGEST_OVERRIDE = timedelta(days=7)
"""An exception that is longer than a week is a change of the policy, and is to be made as one."""

MOST_REASON, MOST_NAME = 500, 100
"""Characters."""

MOST_OVERRIDES = 1000
"""More than are made in any time that an override lasts, or that somebody reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Somebody lets changes go out all the same, for a while. Kept for ever: who, why, and how it stood then."""

    id: str
    slo: str
    reason: str
    by: str
    at: datetime
    until: datetime
    state: State
    error_budget_remaining: float | None

    def to_json(self) -> dict[str, Any]:
        """The fields, in the store and for programs."""
        return {
            "id": self.id,
            "slo": self.slo,
            "reason": self.reason,
            "by": self.by,
            "at": clock.to_rfc3339(self.at),
            "until": clock.to_rfc3339(self.until),
            "state": self.state.value,
            "error_budget_remaining": self.error_budget_remaining,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The answer. ``allowed`` is ``None`` where nobody can say; an override allows whatever the state is."""

    standing: Standing
    override: Override | None

    @property
    def allowed(self) -> bool | None:
        """Whether changes may go out."""
        return True if self.override else policy.allowed(self.standing.state)

    @property
    def reason(self) -> str:
        """Why, with the override that there may be."""
        if self.override is None:
            return self.standing.why
        return f"Overridden by {self.override.by} until {clock.to_rfc3339(self.override.until)}. {self.standing.why}"

    def to_json(self) -> dict[str, Any]:
        """The fields as ``monitor gate --json`` and ``/api/v1/slos/NAME/gate`` show them."""
        return {
            "slo": self.standing.slo.name,
            "state": self.standing.state.value,
            "allowed": self.allowed,
            "error_budget_remaining": self.standing.error_budget_remaining,
            "coverage": self.standing.coverage,
            "before_corrections": self.standing.before.to_json() if self.standing.before else None,
            "reason": self.reason,
            "override": self.override.to_json() if self.override else None,
        }


def gate(found: Standing, store: Store | None, now: datetime) -> Gate:
    """The answer now: where the SLO stands, and whether somebody has overridden it."""
    return Gate(standing=found, override=overridden(store, now).get(found.slo.name) if store else None)


def overridden(store: Store, now: datetime) -> dict[str, Override]:
    """The overrides that hold now, by SLO; of several of one SLO the one that lasts longest."""
    made = (
        _override(record) for record in store.records("override", since=now - LONGEST_OVERRIDE, limit=MOST_OVERRIDES)
    )
    valid = sorted((one for one in made if one.at <= now < one.until), key=lambda one: one.until)
    return {one.slo: one for one in valid}


def overrides(store: Store, slo: str, *, since: datetime | None = None) -> tuple[Override, ...]:
    """Every override of an SLO, newest first."""
    records = store.records("override", since=since, limit=MOST_OVERRIDES)
    return tuple(_override(record) for record in records if record.body["slo"] == slo)


def override(store: Store, found: Standing, *, reason: str, by: str, length: timedelta, now: datetime) -> Override:
    """Let changes go out for a while; it ends by itself.

    Raises:
        InputError: nobody says who or why, or it would last too long.
    """
    reason, by = on_one_line(reason), on_one_line(by)
    if not 0 < len(reason) <= MOST_REASON or not 0 < len(by) <= MOST_NAME:
        raise InputError(
            f"an override says who (--by, up to {MOST_NAME} characters) and why (--reason, up to {MOST_REASON})"
        )
    if not timedelta(0) < length <= LONGEST_OVERRIDE:
        raise InputError(
            f"an override lasts at most {durations.text(LONGEST_OVERRIDE)}: what is longer is a new policy"
        )
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    made = Override(
        id=clock.new_id("override", at),
        slo=found.slo.name,
        reason=reason,
        by=by,
        at=at,
        until=at + length,
        state=found.state,
        error_budget_remaining=found.error_budget_remaining,
    )
    store.put("override", made.id, made.to_json(), at=at)
    return made


def _override(record: Record) -> Override:
    body = record.body
    return Override(
        id=record.id,
        slo=body["slo"],
        reason=body["reason"],
        by=body["by"],
        at=clock.from_rfc3339(body["at"]),
        until=clock.from_rfc3339(body["until"]),
        state=State(body["state"]),
        error_budget_remaining=body["error_budget_remaining"],
    )
