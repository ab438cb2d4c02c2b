"""Whether notifications arrive, and what Alertmanager knows. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import RATE
from monitor.render.dashboards_style import DELIVERY_S, below, warned


def delivery() -> tuple[Panel, ...]:
    """From Prometheus through Alertmanager to the console."""
    return (
        Panel(
            title="How long did the Watchdog take?",
            text=(
                "From the evaluation of the rule to the console, over time. Good is level; a rise is an Alertmanager "
                "or a console that is busy, and every page comes that much later."
            ),
            unit="s",
            queries=(Query("max(monitor_watchdog_latency_seconds)", "latency"),),
            steps=DELIVERY_S,
            alerts=("Watchdog",),
        ),
        Panel(
            title="Which receiver fails?",
            text=(
                "Notifications per second that could not be delivered, by kind of receiver. Good is zero; a failing "
                "pager is as bad as no alert, and its address or token is the first suspect."
            ),
            unit="ops",
            queries=(
                Query(
                    f"sum by (integration) (rate(alertmanager_notifications_failed_total[{RATE}]))", "{{integration}}"
                ),
            ),
            steps=below(0.001),
        ),
        Panel(
            title="How slow are receivers?",
            text=(
                "99th percentile of the time to deliver a notification. Good is below a second; ten are Alertmanager's "
                "own limit, after which it gives up and tries again."
            ),
            unit="s",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (le, integration)"
                    f" (rate(alertmanager_notification_latency_seconds_bucket[{RATE}])))",
                    "{{integration}}",
                ),
            ),
            steps=below(10, warn=1),
        ),
        Panel(
            title="Does Prometheus hand its alerts over?",
            text=(
                "Alerts per second that Prometheus sent, failed to send, and dropped. Good is only sent: errors are an "
                "Alertmanager that does not answer, drops a queue that overflowed, and those nobody will ever see."
            ),
            unit="ops",
            width=12,
            queries=(
                Query(f"sum(rate(prometheus_notifications_sent_total[{RATE}]))", "sent"),
                Query(f"sum(rate(prometheus_notifications_errors_total[{RATE}]))", "errors"),
                Query(f"sum(rate(prometheus_notifications_dropped_total[{RATE}]))", "dropped"),
            ),
        ),
        Panel(
            title="What does the console receive?",
            text=(
                "Alerts in the notifications that arrived at the console, repeats included, by status. Good is a "
                "resolved one for each firing one in the end; more refused than none is a notification it could not "
                "read."
            ),
            unit="ops",
            width=12,
            queries=(
                Query(f"sum by (status) (rate(monitor_alerts_received_total[{RATE}]))", "{{status}}"),
                Query(
                    f"sum by (outcome) (rate(monitor_alert_notifications_total[{RATE}]))", "notifications {{outcome}}"
                ),
            ),
        ),
    )


def alertmanager() -> tuple[Panel, ...]:
    """What is held back, and whether all of them agree."""
    return (
        Panel(
            title="How many alerts are held back?",
            text=(
                "Alerts that an Alertmanager knows, by state: suppressed ones are silenced or inhibited. Good is few "
                "of those for long: a silence that is forgotten hides the next outage."
            ),
            unit="short",
            queries=(Query("max by (state) (alertmanager_alerts)", "{{state}}"),),
            stacked=True,
        ),
        Panel(
            title="Which silences are there?",
            text=(
                "Silences by state. Good is few active ones, each with an end in sight; see who made them, and why, "
                "before the next shift begins."
            ),
            unit="short",
            queries=(Query("max by (state) (alertmanager_silences)", "{{state}}"),),
        ),
        Panel(
            title="Did Alertmanager take its configuration?",
            text=(
                "Whether the last configuration could be loaded (1). Good is 1; at 0 it goes on with the old one, and "
                "receivers or routes that you changed are not in effect."
            ),
            queries=(Query("min(alertmanager_config_last_reload_successful)", "loaded"),),
            steps=((None, "red"), (1.0, "green")),
            maximum=1,
        ),
        Panel(
            title="Do all Alertmanagers say the same?",
            text=(
                "How many different configurations the Alertmanagers have loaded. Good is one; more means that a page "
                "depends on which of them hears of it first: roll the newest out everywhere."
            ),
            width=12,
            height=6,
            queries=(Query('count(count_values("hash", alertmanager_config_hash))', "configurations"),),
            steps=below(2),
        ),
        Panel(
            title="Do the Alertmanagers see each other?",
            text=(
                "Members of the cluster as each Alertmanager sees it. Good is all of them everywhere; those that do "
                "not see each other both notify, so people are told twice. Alone, there is nothing to show."
            ),
            width=12,
            height=6,
            queries=(Query("min by (instance) (alertmanager_cluster_members)", "{{instance}}"),),
            empty_until="alertmanager_cluster",
            nothing="Alertmanager stands alone",
        ),
    )


def second_channel(catalogue: Catalogue) -> tuple[Panel, ...]:
    """Shown where the monitor has one: what it is told by must be declared."""
    message = "monitor_second_channel_message_timestamp_seconds"
    if message not in {metric.name for metric in catalogue.metrics}:
        return ()
    return (
        Panel(
            title="Does the second channel work?",
            text=(
                "Time since the channel beside Alertmanager last took a message, and last failed to. Good is a message "
                "within a month, and no failure since: it is what tells you when alerts cannot arrive."
            ),
            unit="s",
            width=24,
            height=6,
            queries=(Query(f"time() - max by (outcome) ({message})", "{{outcome}}"),),
            steps=warned(31 * 86_400.0),
            empty_until="first_second_channel_message",
            nothing="no second channel is set, or it was never used",
        ),
    )
