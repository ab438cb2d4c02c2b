"""Alerting quality: how often people are woken, by what, and whether notifications arrive. Pure.

Counted from ``ALERTS``, which Prometheus keeps for every alert: a start is a minute in which it fires after one in
which it did not. The always firing Watchdog stands for zero, so that an empty panel means that no rule is evaluated.
"""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_alerting_answers import answers
from monitor.render.dashboards_alerting_delivery import alertmanager, delivery, second_channel
from monitor.render.dashboards_model import Board, Panel, Query, Section, Variable
from monitor.render.dashboards_slo import SINCE_WATCHDOG, WATCHDOG_LIMIT_S, firing
from monitor.render.dashboards_style import (
    DELIVERY_S,
    NONE_WANTED,
    NONE_WANTED_TICKET,
    PAGES_A_WEEK,
    WARN,
    Steps,
    below,
    warned,
)
from monitor.render.links import ALERTING_DASHBOARD, MONITORING_DASHBOARD

CHOSEN = 'severity=~"$severity"'
WATCHDOG = 'ALERTS{alertstate="firing",alertname="Watchdog"}'
FLAPS: Steps = warned(3)
"""An alert that starts three times in an hour does not know what it wants: its hold or its limit is wrong."""

HALF: Steps = ((None, "text"), (0.5, WARN))
"""What fires for half of the time is not an alert but a state that people have got used to."""


def alerting_board(catalogue: Catalogue) -> Board:
    """Make the board."""
    return Board(
        uid=ALERTING_DASHBOARD,
        title="Alerting quality",
        text="Are people woken rarely and for a reason, and does every notification arrive?",
        span="now-7d",
        variables=(Variable(name="severity", label="Severity", metric="ALERTS", choice="severity"),),
        sections=(
            Section(title="Now and this week", panels=_now()),
            Section(title="What fires", panels=_what()),
            Section(title="Are alerts answered?", panels=answers(), collapsed=True),
            Section(title="Does it arrive?", panels=(*delivery(), *second_channel(catalogue)), collapsed=True),
            Section(title="Alertmanager", panels=alertmanager(), collapsed=True),
        ),
    )


def starts(matchers: str, window: str) -> str:
    """How often each alert began to fire within a window, for however many servers at once."""
    now = f'ALERTS{{alertstate="firing",{matchers}}}'
    by = "by (alertname)"
    return f"count_over_time((max {by} ({now}) unless max {by} ({now} offset 1m))[{window}:1m])"


def flaps(matchers: str, window: str) -> str:
    """How often each alert began to fire for the same server, the worst of them."""
    now = f'ALERTS{{alertstate="firing",{matchers}}}'
    return f"max by (alertname) (count_over_time(({now} unless {now} offset 1m)[{window}:1m]))"


def _or_none(expr: str, by: str = "") -> str:
    group = f" by ({by})" if by else ""
    return f"{expr} or sum{group} ({WATCHDOG}) * 0"


def _now() -> tuple[Panel, ...]:
    return (
        _stat_firing("critical", "Is anything firing that wakes someone?", NONE_WANTED),
        _stat_firing("warning", "How many tickets are open?", NONE_WANTED_TICKET),
        Panel(
            title="How often was someone woken this week?",
            text=(
                "Times within seven days that a critical alert began to fire, for several servers at once only once. "
                "Good is at most one a day; at two people stop following up. Repair the noisiest one below."
            ),
            kind="stat",
            queries=(Query(_or_none("sum(" + starts('severity="critical"', "7d") + ")"), "pages"),),
            steps=PAGES_A_WEEK,
            leads_to=MONITORING_DASHBOARD,
        ),
        Panel(
            title="Does the Watchdog arrive?",
            text=(
                "Time since the always firing Watchdog last arrived at the console. Good is below "
                f"{WATCHDOG_LIMIT_S:g} s. If it grows, nobody would be woken: check Alertmanager and the console first."
            ),
            kind="stat",
            unit="s",
            queries=(SINCE_WATCHDOG,),
            steps=below(WATCHDOG_LIMIT_S),
            alerts=("Watchdog",),
        ),
        Panel(
            title="How long does an alert take to arrive?",
            text=(
                "Age of the rule's evaluation that the newest Watchdog carried when it arrived. Good is below 90 s, "
                "for Prometheus and Alertmanager repeat it once a minute; more is an Alertmanager that lags."
            ),
            kind="stat",
            unit="s",
            queries=(Query("max(monitor_watchdog_latency_seconds)", "latency"),),
            steps=DELIVERY_S,
            alerts=("Watchdog",),
        ),
        Panel(
            title="Do notifications fail?",
            text=(
                "Share of the last hour's notifications that Alertmanager could not deliver. Good is zero. Otherwise a "
                "receiver's address, token or network is wrong: the row below says which, its log why."
            ),
            kind="stat",
            unit="percentunit",
            decimals=1,
            queries=(
                Query(
                    "sum(increase(alertmanager_notifications_failed_total[1h]))"
                    " / (sum(increase(alertmanager_notifications_total[1h])) > 0)",
                    "failing",
                ),
            ),
            steps=below(0.01),
            maximum=1,
            nothing="nothing was sent within the last hour",
        ),
    )


def _stat_firing(severity: str, title: str, steps: Steps) -> Panel:
    return Panel(
        title=title,
        text=(
            f"Alerts of severity {severity} that are firing now. Good is none. Empty, rather than 0, means that not "
            "even the Watchdog fires: Prometheus evaluates no rules."
        ),
        kind="stat",
        queries=(firing(severity),),
        steps=steps,
        leads_to=MONITORING_DASHBOARD,
    )


def _what() -> tuple[Panel, ...]:
    return (
        Panel(
            title="Which alerts start most often?",
            text=(
                "How often each alert began to fire within seven days. Good is Watchdog at the end of a short list. "
                "The longest bar is what to work on: its cause, its hold, or its limit."
            ),
            kind="bars",
            unit="short",
            height=10,
            queries=(Query(f"sort_desc({_or_none(starts(CHOSEN, '7d'), 'alertname')})", "{{alertname}}"),),
            steps=PAGES_A_WEEK,
        ),
        Panel(
            title="Which alerts fire for how long?",
            text=(
                "Share of the last seven days in which each alert was firing, Watchdog left out. Good is far below a "
                "tenth. What fires half of the time is a state that people have got used to: repair it or remove it."
            ),
            kind="bars",
            unit="percentunit",
            height=10,
            queries=(
                Query(
                    "sort_desc("
                    + _or_none(
                        'max by (alertname) (count_over_time(ALERTS{alertstate="firing",alertname!="Watchdog",'
                        f"{CHOSEN}}}[7d:1m])) / (7 * 1440)",
                        "alertname",
                    )
                    + ")",
                    "{{alertname}}",
                ),
            ),
            steps=HALF,
            maximum=1,
        ),
        Panel(
            title="Which alerts are firing now?",
            text=(
                "Every firing alert; its name leads to its runbook. Good is Watchdog alone. What stands here for days "
                "should be repaired, silenced with a reason, or removed."
            ),
            kind="table",
            width=8,
            height=10,
            queries=(Query(f'max by (alertname, severity, team) (ALERTS{{alertstate="firing",{CHOSEN}}})'),),
            columns={"severity": "Severity", "alertname": "Alert", "team": "Team"},
            sorted_by="Severity",
            runbook_column="Alert",
            leads_to=MONITORING_DASHBOARD,
        ),
        Panel(
            title="Which alerts flap?",
            text=(
                "How often each alert began to fire for the same server within the hour before. Good is at most once: "
                "three and more is an alert that resolves and returns, so give it a longer hold or keep_firing_for."
            ),
            unit="short",
            width=12,
            queries=(Query(_or_none(flaps(CHOSEN, "1h"), "alertname"), "{{alertname}}"),),
            steps=FLAPS,
        ),
        Panel(
            title="How many alerts fire or wait?",
            text=(
                "Alerts by state and severity over time. Good is few pending and fewer firing; many pending that never "
                "fire are limits too near to what is usual."
            ),
            unit="short",
            width=12,
            queries=(
                Query(
                    f'count by (severity, alertstate) (ALERTS{{alertname!="Watchdog",{CHOSEN}}})'
                    f" or count by (severity, alertstate) ({WATCHDOG}) * 0",
                    "{{severity}} {{alertstate}}",
                ),
            ),
            stacked=True,
        ),
    )
