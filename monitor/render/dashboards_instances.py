"""The panels of the app's own instances: does each of them serve, and has it room? Pure."""

from __future__ import annotations

from monitor.render.dashboards_model import Panel, Query, Said
from monitor.render.dashboards_promql import RATE
from monitor.render.dashboards_style import LOOP_LAG_S, SHARE_USED, STATE_COLOURS, YES, below, warned
from monitor.render.links import HOSTS_DASHBOARD

_APP = 'job="app",instance=~"$app"'


def instances() -> tuple[Panel, ...]:
    """One line per app instance in each."""
    return (
        Panel(
            title="Are the apps ready?",
            text=(
                "Whether each app says that it may be given requests. Good is 1 for every instance; 0 while it starts "
                "and while it drains before it stops."
            ),
            queries=(Query('max by (instance) (app_ready{instance=~"$app"})', "{{instance}}"),),
            steps=YES,
            maximum=1,
            alerts=("EdgeHasNoBackend",),
        ),
        Panel(
            title="Do the apps share the work?",
            text=(
                "Requests per second that each app answers. Good is about the same for all; one far below the others "
                "is restarting, draining or judged unhealthy by the edge."
            ),
            unit="reqps",
            queries=(
                Query(
                    f"sum by (instance) (rate(http_server_request_duration_seconds_count{{{_APP}}}[{RATE}]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            title="How many requests are under way?",
            text=(
                "Requests that each app is working on. Good is a few; a number that grows and does not fall back means "
                "that answers wait for something: the database, its pool, or a blocked event loop."
            ),
            unit="short",
            queries=(Query('sum by (instance) (http_server_active_requests{instance=~"$app"})', "{{instance}}"),),
        ),
        Panel(
            title="Are the apps' event loops blocked?",
            text=(
                "99th percentile of how late the event loop ran, by app. Good is a few milliseconds; tens of them "
                "mean blocking code or too little CPU, and slow every request at once."
            ),
            unit="s",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (le, instance)"
                    f' (rate(event_loop_lag_seconds_bucket{{instance=~"$app"}}[{RATE}])))',
                    "{{instance}}",
                ),
            ),
            steps=LOOP_LAG_S,
        ),
        Panel(
            title="How much CPU does each app use?",
            text=(
                "Processor time per second, by app; 1 is a whole core. Good is below 0.8: an app has one event loop, "
                "and at a whole core every further request waits. Add an instance before that."
            ),
            unit="percentunit",
            queries=(Query(f"sum by (instance) (rate(process_cpu_seconds_total{{{_APP}}}[{RATE}]))", "{{instance}}"),),
            steps=SHARE_USED,
            leads_to=HOSTS_DASHBOARD,
        ),
        Panel(
            title="Does an app's memory grow?",
            text=(
                "Resident memory of each app. Good is level after the first minutes. A slope that does not end is a "
                "leak: restart one app after the other, and compare with the last deploy."
            ),
            unit="bytes",
            queries=(Query(f"max by (instance) (process_resident_memory_bytes{{{_APP}}})", "{{instance}}"),),
            leads_to=HOSTS_DASHBOARD,
        ),
        Panel(
            title="Which app does the edge take for down?",
            text=(
                "Whether the edge's health check holds each app server for up. Good is up throughout. Not up is an app "
                "that does not answer /readyz, or one that somebody drains or maintains: the others carry everything."
            ),
            kind="timeline",
            width=24,
            height=6,
            queries=(Query('max by (server) (haproxy_server_status{proxy="api",state="UP"})', "{{server}}"),),
            says=(Said(1, "up", STATE_COLOURS["good"]), Said(0, "not up", STATE_COLOURS["bad"])),
        ),
    )


def bookings() -> tuple[Panel, ...]:
    """What must never be wrong, however fast it is."""
    return (
        Panel(
            title="Do two patients hold the same appointment?",
            text=(
                "Appointments that overlap another one of the same practitioner. Good is zero, always. Anything else: "
                "open the runbook now, for somebody will stand before a closed door."
            ),
            width=12,
            height=6,
            queries=(Query("max(appointments_overlapping)", "overlaps"),),
            steps=below(1),
            alerts=("DoubleBooking",),
        ),
        Panel(
            title="When were double bookings last looked for?",
            text=(
                "Time since an app last looked for appointments that overlap. Good is a few minutes; if it grows, two "
                "patients might hold the same appointment and nobody would know."
            ),
            width=12,
            height=6,
            unit="s",
            queries=(Query("time() - max(appointments_overlapping_checked_timestamp_seconds)", "since the last look"),),
            steps=warned(900),
        ),
    )
