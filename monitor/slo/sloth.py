"""Sloth's names for what the rules record, for dashboards and alerts that were made for it. Pure.

Nothing is counted anew: each is a recorded figure under another name (names and labels: sloth's
pkg/common/conventions), so where Sloth has NaN while nothing comes there is no sample, and what is left of a budget is
this project's figure, which weighs events. ``slo:objective:ratio`` is Sloth's name and ours: it stays one series, with
the labels of both, so that nobody who adds it up counts an SLO twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monitor.catalogue import durations
from monitor.catalogue.model import Slo
from monitor.slo import names, promql

SLI_ERROR = "slo:sli_error:ratio_rate"
"""Followed by the window."""
ERROR_BUDGET = "slo:error_budget:ratio"
TIME_PERIOD = "slo:time_period:days"
CURRENT_BURN_RATE = "slo:current_burn_rate:ratio"
PERIOD_BURN_RATE = "slo:period_burn_rate:ratio"
BUDGET_REMAINING = "slo:period_error_budget_remaining:ratio"
INFO = "sloth_slo_info"

ID_LABEL, SERVICE_LABEL, SLO_LABEL, WINDOW_LABEL = "sloth_id", "sloth_service", "sloth_slo", "sloth_window"
LABELS = (ID_LABEL, SERVICE_LABEL, SLO_LABEL)
INFO_LABELS = ("sloth_mode", "sloth_objective", "sloth_spec", "sloth_version")

SHORTEST = "5m"


def labels(slo: Slo) -> dict[str, str]:
    """By what Sloth knows an SLO."""
    return {ID_LABEL: f"{slo.service}-{slo.name}", SERVICE_LABEL: slo.service, SLO_LABEL: slo.name}


def aliases(slo: Slo, spans: tuple[timedelta, ...]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Each name with its expression and its labels beside ``labels``; ``spans`` are all windows but the SLO's own."""
    own, allowed = slo.window.text, promql.number(1 - slo.target)
    windows = {durations.text(span): durations.text(span) for span in spans} | {period(slo): own}
    for span, window in windows.items():
        burn = promql.series(names.BURN_RATE, slo, window)
        yield f"{SLI_ERROR}{span}", f"{burn} * {allowed}", {WINDOW_LABEL: span}
    yield ERROR_BUDGET, f"vector({allowed})", {}
    yield TIME_PERIOD, f"vector({slo.window.duration / timedelta(days=1):g})", {}
    yield CURRENT_BURN_RATE, promql.series(names.BURN_RATE, slo, SHORTEST), {}
    yield PERIOD_BURN_RATE, promql.series(names.BURN_RATE, slo, own), {}
    yield BUDGET_REMAINING, promql.series(names.BUDGET_REMAINING, slo, own), {}
    yield INFO, "vector(1)", dict(zip(INFO_LABELS, _made_by(slo), strict=True))


def period(slo: Slo) -> str:
    """The window of an SLO as Sloth writes it: of a calendar one, its nominal length."""
    return durations.text(slo.window.duration)


def _made_by(slo: Slo) -> tuple[str, str, str, str]:
    return "alias", promql.number(slo.target * 100), "openslo/v1", "monitor"
