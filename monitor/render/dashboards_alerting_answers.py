"""Whether people answer what they are told: how soon, how often, and how much of it they have silenced. Pure."""

from __future__ import annotations

from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_style import ACKNOWLEDGE_S, ACTED_ON, warned

FIRST_ALERT = "first_alert"
FIRST_ANSWER = "first_answer"
CHOSEN = 'severity=~"$severity"'


def answers() -> tuple[Panel, ...]:
    """Of the last thirty days, counted from what the console received and people did in it."""
    return (
        Panel(
            title="How soon does somebody take an alert?",
            text=(
                "Median and 95th percentile of the time until an alert was acknowledged, noted or silenced, of thirty "
                "days. Good is five minutes for what is critical; more is a pager that nobody hears, or too many pages."
            ),
            unit="s",
            queries=(
                Query(
                    f"max by (severity, quantile) (monitor_alert_acknowledge_seconds{{{CHOSEN}}})",
                    "{{severity}} {{quantile}}",
                ),
            ),
            steps=ACKNOWLEDGE_S,
            draw_thresholds=True,
            empty_until=FIRST_ANSWER,
            nothing="nobody has answered an alert yet",
        ),
        Panel(
            title="Which share of alerts does somebody act on?",
            text=(
                "Precision: alerts that were acknowledged, noted or silenced, of all that arrived within thirty days. "
                "Good is above 80 %. Repair or remove what nobody acts on: `monitor alert quality` names it."
            ),
            unit="percentunit",
            queries=(Query(f"max by (severity) (monitor_alert_acted_on_ratio{{{CHOSEN}}})", "{{severity}}"),),
            steps=ACTED_ON,
            draw_thresholds=True,
            maximum=1,
            empty_until=FIRST_ALERT,
            nothing="no alert is over yet",
        ),
        Panel(
            title="Which share of alerts is silenced?",
            text=(
                "Alerts that were silenced, of all within thirty days, also those that never arrived for that. Good is "
                "little: what is silenced most of the time hides the outage that it is there for."
            ),
            unit="percentunit",
            queries=(Query(f"max by (severity) (monitor_alert_silenced_ratio{{{CHOSEN}}})", "{{severity}}"),),
            steps=warned(0.5),
            maximum=1,
            empty_until=FIRST_ALERT,
            nothing="no alert has fired yet",
        ),
    )
