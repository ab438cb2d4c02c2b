"""One SLO as programs are shown it, by ``monitor slo show --json`` and by the API alike."""

from __future__ import annotations

from typing import Any

from monitor import clock
from monitor.catalogue.model import Slo
from monitor.compliance.status import SloStatus
from monitor.compliance.tally import Figures
from monitor.store_history import Correction


def slo_json(slo: Slo, status: SloStatus) -> dict[str, Any]:
    """What is promised, where it stands, and what corrections changed in the current window."""
    after = Figures(sli=status.sli, error_budget_remaining=status.error_budget_remaining)
    return status.to_json() | {
        "description": slo.description,
        "impact": slo.impact,
        "team": slo.team,
        "corrections": [correction_json(correction) for correction in status.excluded.corrections],
        "after_corrections": after.to_json() if status.before else None,
    }


def correction_json(correction: Correction) -> dict[str, Any]:
    """A record of a correction; events are ``null`` where nobody can tell what was counted."""
    known = all(part.bad is not None for part in correction.parts) and not correction.withdraws
    return {
        "id": correction.id,
        "slo": correction.slo,
        "at": clock.to_rfc3339(correction.at),
        "start": clock.to_rfc3339(correction.start),
        "end": clock.to_rfc3339(correction.end),
        "reason": correction.reason,
        "by": correction.by,
        "approved_by": correction.approved_by,
        "withdraws": correction.withdraws or None,
        "bad_events": sum(part.bad or 0.0 for part in correction.parts) if known else None,
        "total_events": sum(part.total or 0.0 for part in correction.parts) if known else None,
    }
