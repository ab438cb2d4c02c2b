"""The API: what patients get at the edge (rate, errors, duration), and which part behind it is the cause. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_instances import bookings, instances
from monitor.render.dashboards_model import Board, Panel, Query, Said, Section, Variable
from monitor.render.dashboards_promql import RATE, bad_share, latency_limit, mean, quantile
from monitor.render.dashboards_service_detail import (
    API,
    OPERATIONS,
    PAGE_LOAD_S,
    REQUESTS,
    dependencies,
    latency,
    outside,
)
from monitor.render.dashboards_style import BAD, CODE_COLOURS, GOOD, WARN, YES, below
from monitor.render.links import BUSINESS_DASHBOARD, MONGODB_DASHBOARD, SERVICE_DASHBOARD

EDGE = 'proxy=~"bookings|api|pages"'
UP_DOWN = (Said(1, "up"), Said(0, "down"))
NO_REQUEST = "no request now, or nobody counts them"
YES_NO = (Said(1, "yes"), Said(0, "no"))


def service_board(catalogue: Catalogue) -> Board:
    """Make the board; limits are the bucket edges that the latency SLOs are counted at."""
    return Board(
        uid=SERVICE_DASHBOARD,
        title="API: edge, requests, dependencies",
        text="What do patients get at the edge, and which part behind it is the cause?",
        span="now-3h",
        variables=(Variable(name="app", label="App", metric='up{job="app"}', choice="instance"),),
        sections=(
            Section(title="Now", panels=_now(catalogue)),
            Section(title="Rate, errors, duration", panels=_red(catalogue)),
            Section(title="Answer times in detail", panels=latency(catalogue), collapsed=True),
            Section(title="What the apps lean on", panels=dependencies(catalogue), collapsed=True),
            Section(title="Instances", panels=instances(), collapsed=True),
            Section(title="Are bookings right?", panels=bookings(), collapsed=True),
            Section(title="From outside: probe and journey", panels=outside(), collapsed=True),
        ),
    )


def _answers(by: str = "", more: str = "") -> str:
    group = f" by ({by})" if by else ""
    return f"sum{group} (rate(haproxy_backend_http_responses_total{{{EDGE}{more}}}[{RATE}]))"


def _failing(by: str = "") -> str:
    group = f" by ({by})" if by else ""
    denied = f"sum{group} (rate(haproxy_backend_responses_denied_total{{{EDGE}}}[{RATE}]))"
    failed = _answers(by, ',code="5xx"')
    return f"({failed} + {denied}) / ({_answers(by)} > 0)"


def _now(catalogue: Catalogue) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Is the service reachable?",
            text=(
                "The probe from outside, through the edge; the worst where there are several. Good is up. Down means "
                "that patients get nothing: follow the runbook, beginning at the edge and the apps behind it."
            ),
            kind="stat",
            queries=(Query('min(probe_success{probe="edge"})', "edge"),),
            steps=YES,
            says=UP_DOWN,
        ),
        Panel(
            title="How many apps serve?",
            text=(
                "Servers that the edge sends bookings to. Good is as many as there are app instances. With one, a "
                "second fault is an outage; with none, every request fails."
            ),
            kind="stat",
            queries=(Query('max(haproxy_backend_active_servers{proxy="bookings"})', "apps"),),
            steps=((None, BAD), (1.0, WARN), (2.0, GOOD)),
        ),
        Panel(
            title="What share of requests fails?",
            text="Failed answers (5xx, 408, 429) of all answers at the edge, now. Good is below what the availability "
            "objective allows; above it the error budget shrinks. See below which backend and code.",
            kind="stat",
            unit="percentunit",
            decimals=2,
            queries=(Query(_failing(), "failing"),),
            nothing=NO_REQUEST,
            steps=bad_share(catalogue, "availability"),
            alerts=("ErrorBudgetBurnFast",),
        ),
        Panel(
            title="How fast are answers on average?",
            text=(
                "Mean time of API answers as the app measures it, now. Good is below the promise, where the "
                "colour turns; above it, see whether the database or its pool below is the cause."
            ),
            kind="stat",
            unit="s",
            queries=(Query(mean(REQUESTS, API), "mean"),),
            steps=latency_limit(catalogue, "api-latency"),
            nothing=NO_REQUEST,
        ),
        Panel(
            title="How fast does a page load?",
            text=(
                "Time from resolving the name to the last byte of the probe's page, through the edge. Good is below "
                "the promised 2 s; above it the probe itself fails and someone is woken."
            ),
            kind="stat",
            unit="s",
            queries=(Query('max(probe_duration_seconds{probe="edge"})', "page"),),
            steps=below(PAGE_LOAD_S),
        ),
        Panel(
            title="Can a patient book, from end to end?",
            text=(
                "The last journey of a made-up patient: register, log in, find a slot, book, cancel, erase. Good is "
                "yes. No, while the probe above is up, means that a step fails: open the last row to see which."
            ),
            kind="stat",
            queries=(Query("min(probe_journey_success)", "journey"),),
            steps=YES,
            says=YES_NO,
            empty_until="first_journey",
            nothing="no journey is made: give the exporters the secret for synthetic patients",
        ),
    )


def _red(catalogue: Catalogue) -> tuple[Panel, ...]:
    return (
        Panel(
            title="How much is asked of us?",
            text=(
                "Answers per second at the edge by backend. What is good is what is usual for the hour; a sudden fall "
                "with a good error rate means that patients do not reach us at all."
            ),
            unit="reqps",
            queries=(Query(_answers("proxy"), "{{proxy}}"),),
            stacked=True,
            leads_to=BUSINESS_DASHBOARD,
        ),
        Panel(
            title="Which answers do patients get?",
            text=(
                "Answers per second by class of status code. 2xx and 3xx are good, 4xx the caller's doing (409: "
                "someone else was faster), 5xx our failure: look at the apps and the database."
            ),
            unit="reqps",
            queries=(Query(_answers("code"), "{{code}}"),),
            colours=CODE_COLOURS,
            alerts=("ErrorBudgetBurnFast",),
        ),
        Panel(
            title="Which part of the service fails?",
            text=(
                "Share of failed answers (5xx, 408, 429) by backend. Good is below what the objective allows (the "
                "line). Bookings alone: suspect writes, the primary; all: the apps or the edge."
            ),
            unit="percentunit",
            queries=(Query(_failing("proxy"), "{{proxy}}"),),
            steps=bad_share(catalogue, "availability"),
            draw_thresholds=True,
            alerts=("ErrorBudgetBurnFast", "ErrorBudgetBurnMedium"),
        ),
        Panel(
            title="How long do patients wait?",
            text=(
                "Mean and 99th percentile of API answers. Good is a mean below the promised line; a 99th percentile "
                "far above it means that a few patients wait much longer: open the row below to see on which route. "
                "Each dot is one request, and leads to its trace."
            ),
            unit="s",
            width=12,
            queries=(Query(mean(REQUESTS, API), "mean"), Query(quantile(0.99, REQUESTS, API), "99 %", exemplars=True)),
            steps=latency_limit(catalogue, "api-latency"),
            draw_thresholds=True,
        ),
        Panel(
            title="How fast does the database answer?",
            text=(
                "Mean time of MongoDB operations as the apps see them, waiting for a connection included. Good is "
                "below the promised line; above it, look at the pool in the row below and at the MongoDB dashboard."
            ),
            unit="s",
            width=12,
            queries=(Query(mean(OPERATIONS, 'job="app",db_system_name="mongodb"'), "mean"),),
            steps=latency_limit(catalogue, "database-latency"),
            draw_thresholds=True,
            leads_to=MONGODB_DASHBOARD,
        ),
    )
