"""The board that SREs open first: where each promise stands, and how fast its budget is spent. Pure."""

from __future__ import annotations

from monitor.catalogue import durations
from monitor.catalogue.model import Catalogue
from monitor.render.alertmanager import WATCHDOG_REPEAT
from monitor.render.dashboards_model import BAD, GOOD, NEUTRAL, WARN, Board, Panel, Query, Section
from monitor.render.links import SLO_DASHBOARD
from monitor.slo import names
from monitor.slo.spending import EXHAUSTED
from monitor.slo.windows import BURN_PAIRS, MINIMUM_BAD_EVENTS

CHOSEN = 'slo=~"$slo"'
OWN_WINDOW = f"and on (slo, window) {names.BUDGET_REMAINING}"
"""Keeps of all windows the SLO's own: the one its budget is recorded for."""

BUDGET_STEPS = ((None, BAD), (0.0, WARN), (0.25, GOOD))
"""A quarter left is where an ordinary bad day could spend the rest."""


def slo_board(_: Catalogue) -> Board:
    """Make the board; objectives are read from the recorded series, burn factors are those of the alerts."""
    return Board(
        uid=SLO_DASHBOARD,
        title="SLO home",
        text="Are the promises to patients kept, and how long will the error budgets last?",
        span="now-24h",
        slo_variable=True,
        sections=(
            Section(title="Now", panels=(_standing(), _alerts())),
            Section(title="Error budgets", panels=(_left(), _course())),
            Section(title="Burn rates: is it getting worse?", panels=tuple(_burn(index) for index in range(4))),
            Section(title="Events and coverage", panels=(*_events(), _coverage(), _watchdog())),
        ),
    )


def _standing() -> Panel:
    queries = (
        f"{names.OBJECTIVE}{{{CHOSEN}}}",
        f"{names.SLI}{{{CHOSEN}}} {OWN_WINDOW}",
        f"{names.BUDGET_REMAINING}{{{CHOSEN}}}",
        f'{names.BURN_RATE}{{{CHOSEN},window="1h"}}',
        f"{names.COVERAGE}{{{CHOSEN}}} {OWN_WINDOW}",
    )
    headings = ("Objective", "Achieved", "Budget left", "Burn rate 1 h", "Measured")
    # Only the label slo is kept of each, so that the five answers merge into one line per SLO.
    return Panel(
        title="Where does each SLO stand?",
        text=(
            "Objective, what was achieved over the SLO's own window, the share of its error budget that is "
            "left, how fast it burns now (1 lasts exactly the window) and which share of the window was "
            "measured. Good is a budget above zero and all measured; of little measured, conclude nothing. "
            "Below zero, stop risky changes."
        ),
        kind="table",
        unit="none",
        width=16,
        height=9,
        queries=tuple(Query(expr=f"max by (slo) ({query})") for query in queries),
        columns={"slo": "SLO"} | {f"Value #{letter}": name for letter, name in zip("ABCDE", headings, strict=True)},
        column_units={
            "Objective": "percentunit",
            "Achieved": "percentunit",
            "Budget left": "percentunit",
            "Measured": "percentunit",
        },
        decimals=3,
    )


def _alerts() -> Panel:
    return Panel(
        title="Which alerts are firing?",
        text=(
            "Every firing alert with its severity. Good is Watchdog alone: it fires on purpose, to prove that "
            "alerts arrive. Critical ones wake someone; open the runbook from the console's page of the "
            "alert."
        ),
        kind="table",
        unit="none",
        width=8,
        height=9,
        queries=(Query(expr='max by (alertname, severity, slo) (ALERTS{alertstate="firing"})'),),
        columns={"severity": "Severity", "alertname": "Alert", "slo": "SLO"},
    )


def _left() -> Panel:
    return Panel(
        title="How much error budget is left?",
        text=(
            "Share of each error budget left over the SLO's window. Good is above 25 %; below zero the objective is "
            "missed. When little is left, put reliability work before features and postpone risky changes."
        ),
        kind="bars",
        unit="percentunit",
        width=8,
        height=9,
        queries=(Query(expr=f"{names.BUDGET_REMAINING}{{{CHOSEN}}}", name="{{slo}}"),),
        steps=BUDGET_STEPS,
        minimum=0,
        maximum=1,
        alert=EXHAUSTED,
    )


def _course() -> Panel:
    return Panel(
        title="How did the budgets get there?",
        text=(
            "Error budget left over time. Good is a slope no steeper than the window is long; a step is an "
            "incident: its time is where to look in the service dashboard. At the red line the objective is "
            "missed."
        ),
        kind="graph",
        unit="percentunit",
        width=16,
        height=9,
        queries=(Query(expr=f"{names.BUDGET_REMAINING}{{{CHOSEN}}}", name="{{slo}}"),),
        steps=((None, BAD), (0.0, NEUTRAL)),
        draw_thresholds=True,
        maximum=1,
        alert=EXHAUSTED,
    )


def _burn(index: int) -> Panel:
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
        kind="graph",
        unit="none",
        width=6,
        height=8,
        queries=(
            Query(expr=f'{names.BURN_RATE}{{{CHOSEN},window="{long}"}}', name=f"{{{{slo}}}} {long}"),
            Query(expr=f'{names.BURN_RATE}{{{CHOSEN},window="{short}"}}', name=f"{{{{slo}}}} {short}"),
        ),
        steps=((None, GOOD), (factor, BAD)),
        draw_thresholds=True,
        minimum=0,
        alert=pair.alert,
    )


def _events() -> tuple[Panel, ...]:
    return (
        Panel(
            title="How many events failed in the last five minutes?",
            text=(
                "Events that failed within the last five minutes, per SLO: requests, bookings, database operations, "
                "or slices of time. Good is zero; a few are what the budget is for. The report counts the same "
                "events."
            ),
            kind="graph",
            unit="short",
            queries=(Query(expr=f'{names.BAD_SUM}{{{CHOSEN},window="5m"}}', name="{{slo}}"),),
            steps=((None, GOOD), (float(MINIMUM_BAD_EVENTS), WARN)),
            minimum=0,
        ),
        Panel(
            title="How good were the last five minutes and the last hour?",
            text=(
                "Share of good events in the last five minutes and the last hour, per SLO. Compare it with the "
                "objective in the table above; a gap in the line means that there were no events, not that all was "
                "well."
            ),
            kind="graph",
            unit="percentunit",
            queries=(Query(expr=f'{names.SLI}{{{CHOSEN},window=~"5m|1h"}}', name="{{slo}} {{window}}"),),
            maximum=1,
        ),
    )


def _coverage() -> Panel:
    return Panel(
        title="Is anything not being measured?",
        text=(
            "Share of the last hour for which each SLO was measured. Good is 100 %, an hour after start. Less means "
            "that targets or Prometheus were down: see which in the service dashboard, for what is not measured is "
            "not known."
        ),
        kind="graph",
        unit="percentunit",
        queries=(Query(expr=f'{names.COVERAGE}{{{CHOSEN},window="1h"}}', name="{{slo}}"),),
        steps=((None, WARN), (0.99, GOOD)),
        minimum=0,
        maximum=1,
        alert="TargetMissing",
    )


def _watchdog() -> Panel:
    limit = 3 * WATCHDOG_REPEAT.total_seconds()  # one may be late, two missing ones are a broken path
    return Panel(
        title="Does an alert still reach us?",
        text=(
            "Seconds since the always firing Watchdog alert last arrived at the console, all the way from Prometheus "
            f"through Alertmanager. Good is below {limit:g} s. If it grows, nobody would be woken: check Alertmanager "
            "and the console first, whatever else is wrong."
        ),
        kind="graph",
        unit="s",
        width=24,
        height=6,
        queries=(Query(expr="time() - max(monitor_watchdog_last_seen_timestamp_seconds)", name="since the Watchdog"),),
        steps=((None, GOOD), (limit, BAD)),
        minimum=0,
        alert="Watchdog",
    )
