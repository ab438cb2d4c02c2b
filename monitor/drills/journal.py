"""What a drill leaves behind: every step, every figure, and a verdict on each target. Pure.

The JSON has the fields of Chaos Toolkit's journal (``status``, ``deviated``, ``steady_states``, ``run``, ``rollbacks``)
for whoever reads that, beside ours (``outcome``, ``measurements``, ``verdicts``, ``steps``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from monitor import clock
from monitor.catalogue.model import DrillPlan

Outcome = Literal["passed", "failed", "aborted", "unknown"]
Kind = Literal["guard", "steady-before", "action", "observation", "steady-after", "rollback"]
Measurements = Mapping[str, float | int | None]
"""Figures by name, in the unit that the name ends with; ``None`` where something could not be measured."""

_STATUS = {"passed": "completed", "failed": "completed", "aborted": "interrupted", "unknown": "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that was looked at or done, said in one sentence. ``ok``: it was as it should be."""

    at: datetime
    kind: Kind
    what: str
    ok: bool = True

    def body(self) -> dict[str, Any]:
        """The step as JSON."""
        return {"at": clock.to_rfc3339(self.at), "kind": self.kind, "what": self.what, "ok": self.ok}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A measurement held against the catalogue's target, which is a limit that it must not exceed."""

    measurement: str
    value: float | int | None
    limit: Decimal

    @property
    def outcome(self) -> Literal["passed", "failed", "unknown"]:
        """Within the limit, beyond it, or not measured."""
        if self.value is None:
            return "unknown"
        return "passed" if Decimal(repr(self.value)) <= self.limit else "failed"

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        name, unit = self.measurement.removesuffix("_seconds"), " s" if self.measurement.endswith("_seconds") else ""
        value = "not measured" if self.value is None else f"{self.value:g}{unit}"
        return f"{name.replace('_', ' ')} {value} (at most {self.limit:g}{unit})"

    def body(self) -> dict[str, Any]:
        """The verdict as JSON."""
        limit = int(self.limit) if self.limit == self.limit.to_integral_value() else float(self.limit)
        return {"measurement": self.measurement, "value": self.value, "limit": limit, "outcome": self.outcome}


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """One run of a drill. ``finished_at`` is ``None`` while it runs; if it was killed with -9, until the next drill."""

    id: str
    drill: str
    title: str
    started_at: datetime
    finished_at: datetime | None = None
    outcome: Outcome = "unknown"
    reason: str = "running"
    measurements: Measurements = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    alerts: tuple[str, ...] = ()
    """The alerts that were received because of it, in the order they came."""
    steps: tuple[Step, ...] = ()

    def body(self) -> dict[str, Any]:
        """The journal as the store and ``--json`` have it."""
        deviated = any(not step.ok for step in self.steps if step.kind in {"steady-before", "steady-after"})
        end = clock.to_rfc3339(self.finished_at) if self.finished_at else None
        return {
            "id": self.id,
            "drill": self.drill,
            "title": self.title,
            "started_at": clock.to_rfc3339(self.started_at),
            "finished_at": end,
            "outcome": self.outcome,
            "reason": self.reason,
            "measurements": dict(self.measurements),
            "verdicts": [verdict.body() for verdict in self.verdicts],
            "alerts": list(self.alerts),
            "steps": [step.body() for step in self.steps],
            "experiment": {"title": self.title, "description": self.drill},
            "status": _STATUS[self.outcome] if self.finished_at else "running",
            "deviated": deviated,
            "start": clock.to_rfc3339(self.started_at),
            "end": end,
            "duration": (self.finished_at - self.started_at).total_seconds() if self.finished_at else None,
            "steady_states": {"before": self._hypothesis("steady-before"), "after": self._hypothesis("steady-after")},
            "run": self._activities("action", "observation"),
            "rollbacks": self._activities("rollback"),
        }

    def _hypothesis(self, kind: Kind) -> dict[str, Any]:
        probes = self._activities(kind)
        met = all(probe["status"] == "succeeded" for probe in probes) if probes else None
        return {"steady_state_met": met, "probes": probes}

    def _activities(self, *kinds: Kind) -> list[dict[str, Any]]:
        return [
            {
                "activity": {"name": step.what, "type": "probe" if "steady" in step.kind else "action"},
                "status": "succeeded" if step.ok else "failed",
                "start": clock.to_rfc3339(step.at),
            }
            for step in self.steps
            if step.kind in kinds
        ]


def closed(*, began_at: datetime, found_at: datetime) -> dict[str, Any]:
    """Return what changes in the journal of a drill that was killed, once somebody finds it: nobody saw its end."""
    end = clock.to_rfc3339(found_at)
    return {
        "outcome": "aborted",
        "status": _STATUS["aborted"],
        "reason": "the drill was killed",
        "finished_at": end,
        "end": end,
        "duration": (found_at - began_at).total_seconds(),
    }


def verdicts(plan: DrillPlan, measurements: Measurements) -> tuple[Verdict, ...]:
    """Hold what was measured against the plan's targets."""
    return tuple(
        Verdict(measurement=name, value=measurements.get(name), limit=limit)
        for name, limit in sorted(plan.targets.items())
    )


def conclude(judged: tuple[Verdict, ...], faults: tuple[str, ...]) -> tuple[Outcome, str]:
    """Say how the drill went, and why in one sentence.

    1. Something went wrong that no target names (a rollback that failed, no steady state afterwards): failed.
    2. A target was missed: failed.
    3. A target could not be measured: unknown.
    4. Else passed.
    """
    missed = [verdict.sentence for verdict in judged if verdict.outcome == "failed"]
    if faults or missed:
        return "failed", "; ".join((*faults, *missed))
    open_ones = [verdict.sentence for verdict in judged if verdict.outcome == "unknown"]
    if open_ones:
        return "unknown", "; ".join(open_ones)
    return "passed", "; ".join(verdict.sentence for verdict in judged) or "nothing was promised, nothing went wrong"
