"""How fast budgets are spent, and which events that rests on. Pure."""

from __future__ import annotations

from monitor.catalogue import durations
from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import CHOSEN_SLO
from monitor.render.dashboards_style import BAD, GOOD, WARN
from monitor.render.links import SERVICE_DASHBOARD
from monitor.slo import names
from monitor.slo.windows import BURN_PAIRS, MINIMUM_BAD_EVENTS


def burn(index: int) -> Panel:
    """One pair of windows, as its alert reads them."""
    pair = BURN_PAIRS[index]
    long, short = durations.text(pair.long), durations.text(pair.short)
    factor = float(pair.factor)
    consequence = "wakes someone" if pair.severity == "critical" else "makes a ticket"
    return Panel(
        title=f"Burning {pair.factor}x too fast over {long}?",
        text=(
            f"Burn rate over {long} and over {short}. {pair.alert} {consequence} when both are above {pair.factor} and "
            f"at least {MINIMUM_BAD_EVENTS} events failed: {pair.budget_percent} % of a 30-day budget is then gone. "
            "Good is below 1; above the line, follow the runbook."
        ),
        unit="none",
        width=12,
        queries=(
            Query(f'{names.BURN_RATE}{{{CHOSEN_SLO},window="{long}"}}', f"{{{{slo}}}} {long}"),
            Query(f'{names.BURN_RATE}{{{CHOSEN_SLO},window="{short}"}}', f"{{{{slo}}}} {short}"),
        ),
        steps=((None, GOOD), (factor, BAD)),
        draw_thresholds=True,
        alerts=(pair.alert,),
    )


def events() -> tuple[Panel, ...]:
    """What failed, and which share that is."""
    return (
        Panel(
            title="How many events failed in the last five minutes?",
            text=(
                "Events that failed within the last five minutes, per SLO: requests, bookings, database operations, "
                "or slices of time. Good is zero; a few are what the budget is for. The report counts the same "
                "events."
            ),
            unit="short",
            queries=(Query(f'{names.BAD_SUM}{{{CHOSEN_SLO},window="5m"}}', "{{slo}}"),),
            steps=((None, GOOD), (float(MINIMUM_BAD_EVENTS), WARN)),
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="How good were the last five minutes and the last hour?",
            text=(
                "Share of good events in the last five minutes and the last hour, per SLO. Good is at or above the "
                "objective in the table above; a gap in the line means that there were no events, not that all was "
                "well."
            ),
            unit="percentunit",
            queries=(Query(f'{names.SLI}{{{CHOSEN_SLO},window=~"5m|1h"}}', "{{slo}} {{window}}"),),
            minimum=None,
            maximum=1,
            leads_to=SERVICE_DASHBOARD,
        ),
    )


def coverage() -> Panel:
    """What is not measured is not known."""
    return Panel(
        title="Is anything not being measured?",
        text=(
            "Share of the last hour for which each SLO was measured. Good is 100 %, an hour after start. Less means "
            "that targets or Prometheus were down: see which in the monitoring dashboard, for what is not measured is "
            "not known."
        ),
        unit="percentunit",
        queries=(Query(f'{names.COVERAGE}{{{CHOSEN_SLO},window="1h"}}', "{{slo}}"),),
        steps=((None, WARN), (0.99, GOOD)),
        maximum=1,
        alerts=("SLONoData", "TargetMissing"),
    )
