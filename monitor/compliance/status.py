"""Where each SLO stands now: what ``monitor slo``, the console and the API all show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.catalogue.model import Catalogue, Slo
from monitor.slo import names
from monitor.slo.verdict import Verdict, judge
from monitor.sources.prometheus import Prometheus

FAMILIES = (names.SLI, names.BURN_RATE, names.BUDGET_REMAINING, names.COVERAGE)
QUERY = f'{{__name__=~"{"|".join(FAMILIES)}"}}'
"""All recorded families of all SLOs in one query, so that every figure is of the same instant."""

BURN_WINDOW = "1h"
"""The burn rate shown is that of the last hour: long enough to be steady, short enough to mean now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SloStatus:
    """One SLO at one instant. Ratios are 0-1 (an overspent budget is negative); ``None`` where nothing is recorded.

    ``error_budget_remaining`` is a share of the whole window's budget: what was not measured has spent nothing.
    ``burn_rate`` is that of the last hour; at 1 the budget lasts exactly the window.
    """

    name: str
    service: str
    display_name: str
    objective: float
    window: str
    sli: float | None
    error_budget_remaining: float | None
    coverage: float | None
    burn_rate: float | None

    @property
    def verdict(self) -> Verdict:
        """Met or missed, where what was not measured could not change the answer."""
        return judge(self.sli, self.coverage, self.objective)

    def to_json(self) -> dict[str, Any]:
        """The fields as ``monitor slo list --json`` and ``/api/v1/slos`` show them."""
        return {
            "name": self.name,
            "service": self.service,
            "display_name": self.display_name,
            "objective": self.objective,
            "window": self.window,
            "sli": self.sli,
            "error_budget_remaining": self.error_budget_remaining,
            "coverage": self.coverage,
            "burn_rate": self.burn_rate,
            "verdict": self.verdict.value,
        }


def slo_statuses(prometheus: Prometheus, catalogue: Catalogue, at: datetime | None = None) -> tuple[SloStatus, ...]:
    """Read where every SLO of the catalogue stands, in the catalogue's order; one query however many there are.

    Raises:
        Unavailable: Prometheus cannot be reached, or refuses.
    """
    recorded = {
        (
            sample.labels["__name__"],
            sample.labels.get(names.SLO_LABEL, ""),
            sample.labels.get(names.WINDOW_LABEL, ""),
        ): sample.value
        for sample in prometheus.instant(QUERY, at)
    }
    return tuple(_status(slo, recorded) for slo in catalogue.slos)


def _status(slo: Slo, recorded: Mapping[tuple[str, str, str], float]) -> SloStatus:
    def value(family: str, window: str) -> float | None:
        # NaN is how Prometheus says "no events": nothing is known, which is not the same as zero.
        number = recorded.get((family, slo.name, window), math.nan)
        return None if math.isnan(number) else number

    return SloStatus(
        name=slo.name,
        service=slo.service,
        display_name=slo.display_name,
        objective=float(slo.target),
        window=slo.window.text,
        sli=value(names.SLI, slo.window.text),
        error_budget_remaining=value(names.BUDGET_REMAINING, slo.window.text),
        coverage=value(names.COVERAGE, slo.window.text),
        burn_rate=value(names.BURN_RATE, BURN_WINDOW),
    )
