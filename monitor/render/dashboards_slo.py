"""The home: where each promise stands, how fast its budget is spent, and what is firing. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.alertmanager import WATCHDOG_REPEAT
from monitor.render.dashboards_model import Board, Panel, Query, Section, Variable
from monitor.render.dashboards_promql import CHOSEN_SLO
from monitor.render.dashboards_slo_detail import burn, coverage, events
from monitor.render.dashboards_style import BAD, GOOD, NEUTRAL, NONE_WANTED, NONE_WANTED_TICKET, WARN, Steps, below
from monitor.render.links import ALERTING_DASHBOARD, SERVICE_DASHBOARD, SLO_DASHBOARD
from monitor.slo import names
from monitor.slo.spending import EXHAUSTED, SPENT
from monitor.slo.windows import BURN_PAIRS

CHOSEN = CHOSEN_SLO
OWN_WINDOW = f"and on (slo, window) {names.BUDGET_REMAINING}"
"""Keeps of all windows the SLO's own: the one its budget is recorded for."""

BUDGET_STEPS: Steps = ((None, BAD), (0.0, WARN), (0.25, GOOD))
"""A quarter left is where an ordinary bad day could spend the rest."""

WATCHDOG_LIMIT_S = 3 * WATCHDOG_REPEAT.total_seconds()
"""One may be late, two missing ones are a broken path."""

SINCE_WATCHDOG = Query("time() - max(monitor_watchdog_last_seen_timestamp_seconds)", "since the Watchdog")

SLO_VARIABLE = Variable(name="slo", label="SLO", metric=names.OBJECTIVE, choice=names.SLO_LABEL)


def firing(severity: str) -> Query:
    """How many alerts of a severity fire. Watchdog always does, so nothing at all means that nothing is known."""
    return Query(
        f'count(ALERTS{{alertstate="firing",severity="{severity}"}})'
        ' or count(ALERTS{alertstate="firing",alertname="Watchdog"}) * 0',
        severity,
    )


def slo_board(_: Catalogue) -> Board:
    """Make the board; objectives are read from the recorded series, burn factors are those of the alerts."""
    return Board(
        uid=SLO_DASHBOARD,
        title="SLO home",
        text="Are the promises to patients kept, how long will the error budgets last, and is anything firing?",
        span="now-24h",
        variables=(SLO_VARIABLE,),
        sections=(
            Section(title="Now", panels=(*_now(), _standing(), _alerts(), _course())),
            Section(title="Error budgets", panels=(_left(), _calendar()), collapsed=True),
            Section(
                title="Burn rates: is it getting worse?",
                panels=tuple(burn(index) for index in range(4)),
                collapsed=True,
            ),
            Section(title="Events and coverage", panels=(*events(), coverage()), collapsed=True),
        ),
    )


def _now() -> tuple[Panel, ...]:
    budget = f"{names.BUDGET_REMAINING}{{{CHOSEN}}}"
    return (
        Panel(
            title="How many promises are broken?",
            text=(
                "SLOs whose error budget is overspent: their objective is missed over their own window. Good is none. "
                "Stop risky changes to the part concerned, and see below which one it is."
            ),
            kind="stat",
            unit="none",
            width=5,
            queries=(Query(f"sum({budget} < bool 0)", "missed"),),
            steps=NONE_WANTED,
            alerts=(EXHAUSTED,),
        ),
        Panel(
            title="What is the smallest budget left?",
            text=(
                "Share of its error budget that the worst SLO has left. Good is above 25 %: below it one bad day could "
                "spend the rest, so put reliability work first."
            ),
            kind="stat",
            unit="percentunit",
            width=5,
            queries=(Query(f"min({budget})", "least left"),),
            steps=BUDGET_STEPS,
            minimum=None,
            decimals=1,
            alerts=SPENT,
        ),
        _firing("critical", "Is anything firing that wakes someone?", "Critical alerts", NONE_WANTED),
        _firing(
            "warning", "How many tickets are open?", "Warnings, each a ticket for working hours,", NONE_WANTED_TICKET
        ),
        Panel(
            title="Does an alert still reach us?",
            text=(
                "Time since the always firing Watchdog last arrived at the console, all the way from Prometheus "
                f"through Alertmanager. Good is below {WATCHDOG_LIMIT_S:g} s. If it grows, nobody would be woken: "
                "check Alertmanager and the console first."
            ),
            kind="stat",
            unit="s",
            width=5,
            queries=(SINCE_WATCHDOG,),
            steps=below(WATCHDOG_LIMIT_S),
            alerts=("Watchdog",),
        ),
    )


def _firing(severity: str, title: str, what: str, steps: Steps) -> Panel:
    return Panel(
        title=title,
        text=(
            f"{what} that are firing now. Good is none. Empty, rather than 0, means that not even the Watchdog fires: "
            "Prometheus evaluates no rules."
        ),
        kind="stat",
        unit="none",
        width=5 if severity == "critical" else 4,
        queries=(firing(severity),),
        steps=steps,
        leads_to=ALERTING_DASHBOARD,
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
        width=14,
        height=12,
        queries=tuple(Query(f"max by (slo) ({query})") for query in queries),
        columns={"slo": "SLO"} | {f"Value #{letter}": name for letter, name in zip("ABCDE", headings, strict=True)},
        column_units={
            "Objective": "percentunit",
            "Achieved": "percentunit",
            "Budget left": "percentunit",
            "Measured": "percentunit",
        },
        column_steps={
            "Budget left": BUDGET_STEPS,
            "Burn rate 1 h": ((None, GOOD), (1.0, WARN), (float(BURN_PAIRS[0].factor), BAD)),
        },
        sorted_by="Budget left",
        decimals=2,
        leads_to=SERVICE_DASHBOARD,
    )


def _alerts() -> Panel:
    return Panel(
        title="Which alerts are firing?",
        text=(
            "Every firing alert with its severity; its name leads to its runbook. Good is Watchdog alone: it fires on "
            "purpose, to prove that alerts arrive. Critical ones wake someone, warnings are tickets."
        ),
        kind="table",
        unit="none",
        width=10,
        height=6,
        queries=(Query('max by (alertname, severity, slo) (ALERTS{alertstate="firing"})'),),
        columns={"severity": "Severity", "alertname": "Alert", "slo": "SLO"},
        sorted_by="Severity",
        runbook_column="Alert",
        leads_to=ALERTING_DASHBOARD,
    )


def _left() -> Panel:
    return Panel(
        title="How much error budget is left?",
        text=(
            "Share of each error budget left over the SLO's window, the least first. Good is above 25 %; below zero "
            "the objective is missed. When little is left, put reliability before features and postpone risky changes."
        ),
        kind="bars",
        unit="percentunit",
        width=12,
        height=10,
        queries=(Query(f"sort({names.BUDGET_REMAINING}{{{CHOSEN}}})", "{{slo}}"),),
        steps=BUDGET_STEPS,
        maximum=1,
        alerts=SPENT,
    )


def _calendar() -> Panel:
    return Panel(
        title="Will the calendar month's agreement hold?",
        text=(
            "Share of the calendar window's error budget that is left, corrections taken off: what a service-level "
            "agreement is judged by. Good is above 25 % at the month's end; below zero the agreement is broken, and "
            "the report says what is owed."
        ),
        kind="bars",
        unit="percentunit",
        width=12,
        height=10,
        queries=(
            Query(f"sort(max by (slo, window) ({names.CALENDAR_BUDGET_REMAINING}{{{CHOSEN}}}))", "{{slo}} {{window}}"),
        ),
        steps=BUDGET_STEPS,
        maximum=1,
        alerts=SPENT,
        empty_until="calendar_window",
        nothing="no SLO of the catalogue has a calendar window, or none was counted yet",
    )


def _course() -> Panel:
    return Panel(
        title="How did the budgets get there?",
        text=(
            "Error budget left over time. Good is a slope no steeper than the window is long; a step is an "
            "incident: its time is where to look in the service dashboard. At the red line the objective is "
            "missed."
        ),
        unit="percentunit",
        width=24,
        height=9,
        queries=(Query(f"{names.BUDGET_REMAINING}{{{CHOSEN}}}", "{{slo}}"),),
        steps=((None, BAD), (0.0, NEUTRAL)),
        draw_thresholds=True,
        minimum=None,
        maximum=1,
        alerts=SPENT,
    )
