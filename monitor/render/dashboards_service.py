"""The board of the service itself: what patients get at the edge, and what lies behind it. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render import dashboards_backing as backing
from monitor.render.dashboards_model import BAD, GOOD, NEUTRAL, WARN, Board, Panel, Query, Section, above, below
from monitor.render.dashboards_promql import RATE, latency_limit, mean, quantile
from monitor.render.links import SERVICE_DASHBOARD

EDGE = 'proxy=~"bookings|api|pages"'
API = 'job="app",http_route=~"/api/.*"'
REQUESTS = "http_server_request_duration_seconds"
YES_NO = {"1": "yes", "0": "no"}


def service_board(catalogue: Catalogue) -> Board:
    """Make the board; limits are the bucket edges that the latency SLOs are counted at."""
    return Board(
        uid=SERVICE_DASHBOARD,
        title="Service",
        text="What do patients get at the edge, and which part behind it is the cause?",
        span="now-3h",
        sections=(
            Section(title="Now", panels=_now(catalogue)),
            Section(title="Requests at the edge", panels=_edge(catalogue)),
            Section(title="Answer times", panels=_latency(catalogue)),
            Section(title="Bookings", panels=_bookings()),
            Section(title="Database", panels=backing.database(catalogue)),
            Section(title="MongoDB", panels=backing.mongodb(), collapsed=True),
            Section(title="Redis and cache", panels=backing.redis(), collapsed=True),
            Section(title="Processes and machine", panels=backing.processes(), collapsed=True),
        ),
    )


def _bad_share(catalogue: Catalogue, name: str) -> tuple[tuple[float | None, str], ...]:
    slo = catalogue.slo(name)
    return ((None, NEUTRAL),) if slo is None else below(float(1 - slo.target))


def _failed(window: str) -> str:
    return (
        f'sum(rate(haproxy_backend_http_responses_total{{{EDGE},code="5xx"}}[{window}]))'
        f" + sum(rate(haproxy_backend_responses_denied_total{{{EDGE}}}[{window}]))"
    )


def _answered(window: str) -> str:
    return f"sum(rate(haproxy_backend_http_responses_total{{{EDGE}}}[{window}]))"


def _now(catalogue: Catalogue) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Is the service reachable?",
            text=(
                "The probe from outside, through the edge. Good is up. Down means that patients get nothing: follow "
                "the runbook, beginning at the edge and the apps behind it."
            ),
            kind="stat",
            unit="none",
            width=4,
            height=4,
            queries=(Query(expr='max(probe_success{probe="edge"})', name="edge"),),
            steps=above(1),
            says=backing.UP_DOWN,
            alert="EdgeProbeFailed",
        ),
        Panel(
            title="How many apps serve?",
            text=(
                "Servers that the edge sends bookings to. Good is as many as there are app instances. With one, a "
                "second fault is an outage; with none, every request fails."
            ),
            kind="stat",
            unit="none",
            width=4,
            height=4,
            queries=(Query(expr='max(haproxy_backend_active_servers{proxy="bookings"})', name="apps"),),
            steps=((None, BAD), (1.0, WARN), (2.0, GOOD)),
            alert="EdgeHasNoBackend",
        ),
        Panel(
            title="What share of requests fails?",
            text="Failed answers (5xx, 408, 429) of all answers at the edge, now. Good is below what the availability "
            "objective allows; above it the error budget shrinks. See below which backend and code.",
            kind="stat",
            unit="percentunit",
            width=4,
            height=4,
            queries=(Query(expr=f"({_failed(RATE)}) / {_answered(RATE)}", name="failing"),),
            steps=_bad_share(catalogue, "availability"),
            minimum=0,
            alert="ErrorBudgetBurnFast",
        ),
        Panel(
            title="How fast are answers on average?",
            text=(
                "Mean time of API answers as the app measures it, now. Good is below the promise, where the "
                "colour turns; above it, see whether the database or its pool below is the cause."
            ),
            kind="stat",
            unit="s",
            width=4,
            height=4,
            queries=(Query(expr=mean(REQUESTS, API), name="mean"),),
            steps=latency_limit(catalogue, "api-latency"),
            minimum=0,
        ),
        Panel(
            title="Is there a primary?",
            text="Whether MongoDB's replica set has a primary. Good is yes. Without one no booking can be written; a "
            "failover takes seconds, so a lasting no needs the runbook.",
            kind="stat",
            unit="none",
            width=4,
            height=4,
            queries=(Query(expr="max(mongodb_replset_has_primary)", name="primary"),),
            steps=above(1),
            says=YES_NO,
            alert="MongoNoPrimary",
        ),
        Panel(
            title="Is any slot booked twice?",
            text=(
                "Overlapping appointments in the database. Good is zero, always: two patients with one slot is the "
                "fault that the booking index exists to prevent. Stop bookings and follow the runbook."
            ),
            kind="stat",
            unit="none",
            width=4,
            height=4,
            queries=(Query(expr="max(appointments_overlapping)", name="overlaps"),),
            steps=below(1),
            alert="DoubleBooking",
        ),
    )


def _edge(catalogue: Catalogue) -> tuple[Panel, ...]:
    return (
        Panel(
            title="How much is asked of us?",
            text=(
                "Answers per second at the edge by backend. What is good is what is usual for the hour; a sudden fall "
                "with a good error rate means that patients do not reach us at all."
            ),
            kind="graph",
            unit="reqps",
            queries=(
                Query(
                    expr=f"sum by (proxy) (rate(haproxy_backend_http_responses_total{{{EDGE}}}[{RATE}]))",
                    name="{{proxy}}",
                ),
            ),
            stacked=True,
            minimum=0,
        ),
        Panel(
            title="Which answers do patients get?",
            text=(
                "Answers per second by class of status code. 2xx and 3xx are good, 4xx the caller's doing (409: "
                "someone else was faster), 5xx our failure: look at the apps and the database."
            ),
            kind="graph",
            unit="reqps",
            queries=(
                Query(
                    expr=f"sum by (code) (rate(haproxy_backend_http_responses_total{{{EDGE}}}[{RATE}]))",
                    name="{{code}}",
                ),
            ),
            minimum=0,
            alert="ErrorBudgetBurnFast",
        ),
        Panel(
            title="Which part of the service fails?",
            text=(
                "Share of failed answers (5xx, 408, 429) by backend. Good is below what the objective allows (the "
                "line). Bookings alone: suspect writes, the primary; all: the apps or the edge."
            ),
            kind="graph",
            unit="percentunit",
            queries=(
                Query(
                    expr=(
                        f'(sum by (proxy) (rate(haproxy_backend_http_responses_total{{{EDGE},code="5xx"}}[{RATE}]))'
                        f" + sum by (proxy) (rate(haproxy_backend_responses_denied_total{{{EDGE}}}[{RATE}])))"
                        f" / sum by (proxy) (rate(haproxy_backend_http_responses_total{{{EDGE}}}[{RATE}]))"
                    ),
                    name="{{proxy}}",
                ),
            ),
            steps=_bad_share(catalogue, "availability"),
            draw_thresholds=True,
            minimum=0,
            alert="ErrorBudgetBurnFast",
        ),
    )


def _latency(catalogue: Catalogue) -> tuple[Panel, ...]:
    return (
        Panel(
            title="How long do patients wait?",
            text=(
                "Median, 95th and 99th percentile and mean of API answers. Good is a mean below the promised "
                "line; a 99th percentile far above the rest means that a few patients wait much longer."
            ),
            kind="graph",
            unit="s",
            queries=(
                *(Query(expr=quantile(share, REQUESTS, API), name=f"{share * 100:g} %") for share in (0.5, 0.95, 0.99)),
                Query(expr=mean(REQUESTS, API), name="mean"),
            ),
            steps=latency_limit(catalogue, "api-latency"),
            draw_thresholds=True,
            minimum=0,
        ),
        Panel(
            title="How are answer times spread?",
            text=(
                "Number of API answers by duration over time. One narrow dark band is good; a second band above it is "
                "a group of slow requests that an average hides: find the route in the console or in traces."
            ),
            kind="heatmap",
            unit="s",
            queries=(Query(expr=f"sum by (le) (increase({REQUESTS}_bucket{{{API}}}[{RATE}]))", name="{{le}}"),),
        ),
        Panel(
            title="Which route is slow?",
            text=(
                "Mean time of answers by route. Good is all below the promised line; a single route above it "
                "points at its query or a missing index, all of them at the database or the machine."
            ),
            kind="graph",
            unit="s",
            queries=(
                Query(
                    expr=(
                        f"sum by (http_route) (rate({REQUESTS}_sum{{{API}}}[{RATE}]))"
                        f" / sum by (http_route) (rate({REQUESTS}_count{{{API}}}[{RATE}]))"
                    ),
                    name="{{http_route}}",
                ),
            ),
            steps=latency_limit(catalogue, "api-latency"),
            draw_thresholds=True,
            minimum=0,
        ),
    )


def _bookings() -> tuple[Panel, ...]:
    return (
        Panel(
            title="What becomes of booking attempts?",
            text=(
                "Booking attempts per second by outcome, as the app counts them. Conflicts are good (someone else was "
                "faster), errors are not: compare with the database panels at the same time."
            ),
            kind="graph",
            unit="ops",
            queries=(Query(expr=f"sum by (outcome) (rate(booking_attempts_total[{RATE}]))", name="{{outcome}}"),),
            minimum=0,
        ),
        Panel(
            title="How many appointments are there?",
            text=(
                "Appointments by FHIR status. Good is booked rising with traffic and cancelled slowly. A sudden "
                "fall of any of them means lost data: check the last restore and the recovery dashboard."
            ),
            kind="graph",
            unit="short",
            queries=(Query(expr="max by (status) (appointments)", name="{{status}}"),),
            minimum=0,
        ),
        Panel(
            title="Do new patients arrive?",
            text=(
                "Registrations per second. What is good is what is usual for the hour; none while there is traffic "
                "means that registering fails: try it by hand, then look at the errors by backend."
            ),
            kind="graph",
            unit="ops",
            queries=(Query(expr=f"sum(rate(users_registered_total[{RATE}]))", name="registrations"),),
            minimum=0,
        ),
    )
