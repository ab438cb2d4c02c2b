"""The name of every series that the SLO rules record, and of their labels; written here and nowhere else.

Label ``slo`` is the SLO's name, ``slo_service`` its service (never ``service``: the Prometheus Operator sets that on
everything), ``window`` the span as Prometheus writes it (``5m``, ``30d``).
"""

from __future__ import annotations

OBJECTIVE = "slo:objective:ratio"
"""The target, 0-1."""
SLI = "slo:sli:ratio"
"""Share of good events in a window. No sample while there was no event: idle is neither good nor bad, never NaN."""
BURN_RATE = "slo:burn_rate:ratio"
"""How many times faster than allowed the budget is spent in a window; at 1 it lasts exactly the SLO's window."""
BUDGET_REMAINING = "slo:error_budget_remaining:ratio"
"""Share of the whole window's error budget that is left, 1 - burn x coverage; below 0 when overspent. What was not
measured has spent nothing (docs/decisions.md); the report's ``error_budget.remaining`` is the same figure."""
COVERAGE = "slo:coverage:ratio"
"""Share of a window for which anything is known."""
TRAFFIC_PEAK = "slo:traffic_peak:ratio"
"""How many times the mean traffic the busiest roll-up of the SLO's own window had, 1 at least: as busy may have been
what was not measured, which is what a verdict reckons with. Only of rolling windows of more than hours."""

BAD_SUM = "slo:events_bad:sum"
TOTAL_SUM = "slo:events_total:sum"
"""Events of a window, kept apart so that ratios weigh events and counts can be told to people."""

OBSERVED_BAD_DELTA = "slo:observed_bad:delta"
OBSERVED_TOTAL_DELTA = "slo:observed_total:delta"
"""What the counters gained in one evaluation interval, before the probe is asked."""
BAD_DELTA = "slo:events_bad:delta"
TOTAL_DELTA = "slo:events_total:delta"
"""Events of one evaluation interval: the grid that everything else is added up from. Bad may be below 0 for a moment
where good and total come from two producers that are scraped at different instants; over a window that evens out."""

BAD_ROLLUP = "slo:events_bad:rollup"
TOTAL_ROLLUP = "slo:events_total:rollup"
COVERED_ROLLUP = "slo:covered_seconds:rollup"
"""The grid, added up once per roll-up interval, for windows that are too long to be added up from the grid."""
BAD_ROLLUP_5X = "slo:events_bad:rollup_5x"
TOTAL_ROLLUP_5X = "slo:events_total:rollup_5x"
COVERED_ROLLUP_5X = "slo:covered_seconds:rollup_5x"
BAD_ROLLUP_60X = "slo:events_bad:rollup_60x"
TOTAL_ROLLUP_60X = "slo:events_total:rollup_60x"
COVERED_ROLLUP_60X = "slo:covered_seconds:rollup_60x"
"""Five and sixty of them added up, for windows of days and of more than a month."""

BAD_WINDOW = "slo:events_bad:window"
TOTAL_WINDOW = "slo:events_total:window"
COVERED_WINDOW = "slo:covered_seconds:window"
PEAK_WINDOW = "slo:traffic_peak:window"
"""Windows of days and longer, added up as rarely as their roll-up; copied into the others often enough to be seen."""

CALENDAR_SLI = "slo_calendar_sli_ratio"
CALENDAR_BUDGET_REMAINING = "slo_calendar_error_budget_remaining_ratio"
CALENDAR_COVERAGE = "slo_calendar_coverage_ratio"
"""What ``monitor work`` exposes of the current calendar window, which no range selector can name."""

SLO_LABEL = "slo"
SERVICE_LABEL = "slo_service"
WINDOW_LABEL = "window"

RECORDED: dict[str, tuple[str, ...]] = {
    name: (SLO_LABEL, SERVICE_LABEL, *((WINDOW_LABEL,) if windowed else ()))
    for name, windowed in {
        OBJECTIVE: False,
        SLI: True,
        BURN_RATE: True,
        BUDGET_REMAINING: True,
        COVERAGE: True,
        TRAFFIC_PEAK: True,
        BAD_SUM: True,
        TOTAL_SUM: True,
        OBSERVED_BAD_DELTA: False,
        OBSERVED_TOTAL_DELTA: False,
        BAD_DELTA: False,
        TOTAL_DELTA: False,
        BAD_ROLLUP: False,
        TOTAL_ROLLUP: False,
        COVERED_ROLLUP: False,
        BAD_ROLLUP_5X: False,
        TOTAL_ROLLUP_5X: False,
        COVERED_ROLLUP_5X: False,
        BAD_ROLLUP_60X: False,
        TOTAL_ROLLUP_60X: False,
        COVERED_ROLLUP_60X: False,
        BAD_WINDOW: True,
        TOTAL_WINDOW: True,
        COVERED_WINDOW: True,
        PEAK_WINDOW: True,
    }.items()
}
"""Every recorded series and its labels, for checks and dashboards."""
