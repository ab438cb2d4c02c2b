"""Answer times, what the apps lean on, and what is seen from outside, in detail. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import RATE, latency_limit, mean, quantile
from monitor.render.dashboards_style import Steps, above, below, warned
from monitor.render.links import MONGODB_DASHBOARD, REDIS_DASHBOARD

API = 'job="app",instance=~"$app",http_route=~"/api/.*"'
REQUESTS = "http_server_request_duration_seconds"
OPERATIONS = "db_client_operation_duration_seconds"
CERTIFICATE_S: Steps = above(3 * 86_400.0, warn=21 * 86_400.0)
"""Three weeks are time for a renewal in working hours; three days are what a long weekend takes."""

PAGE_LOAD_S = 2.0
"""The probe's own limit, which is the promise that pages load in."""


def latency(catalogue: Catalogue) -> tuple[Panel, ...]:
    """Answer times by share, by spread and by route."""
    return (
        Panel(
            title="How long do most and few patients wait?",
            text=(
                "Median, 95th and 99th percentile of API answers. Good is a median far below the promise and a 99th "
                "percentile of a few times the median; wider apart, single requests wait for a lock or a pool."
            ),
            unit="s",
            queries=tuple(Query(quantile(share, REQUESTS, API), f"{share * 100:g} %") for share in (0.5, 0.95, 0.99)),
            steps=latency_limit(catalogue, "api-latency"),
            draw_thresholds=True,
        ),
        Panel(
            title="How are answer times spread?",
            text=(
                "Number of API answers by duration over time. One narrow dark band is good; a second band above it is "
                "a group of slow requests that an average hides: find the route beside it, or in traces."
            ),
            kind="heatmap",
            unit="s",
            queries=(Query(f"sum by (le) (increase({REQUESTS}_bucket{{{API}}}[{RATE}]))", "{{le}}"),),
        ),
        Panel(
            title="Which route is slow?",
            text=(
                "Mean time of answers by route. Good is all below the promised line; a single route above it "
                "points at its query or a missing index, all of them at the database or the machine."
            ),
            unit="s",
            queries=(Query(mean(REQUESTS, API, by="http_route"), "{{http_route}}"),),
            steps=latency_limit(catalogue, "api-latency"),
            draw_thresholds=True,
        ),
    )


def dependencies(catalogue: Catalogue) -> tuple[Panel, ...]:
    """Database, pool and cache, as the apps see them."""
    pool = "db_client_connection_pool_name"
    mongodb = 'job="app",instance=~"$app",db_system_name="mongodb"'
    return (
        Panel(
            title="Which database operation is slow?",
            text=(
                "99th percentile of MongoDB operations as the apps see them, by operation. Good is below the promised "
                "line. One above it: its query or index; all: the pool, the disk, or an election."
            ),
            unit="s",
            queries=(Query(quantile(0.99, OPERATIONS, mongodb, by="db_operation_name"), "{{db_operation_name}}"),),
            steps=latency_limit(catalogue, "database-latency"),
            draw_thresholds=True,
            leads_to=MONGODB_DASHBOARD,
        ),
        Panel(
            title="Do database operations fail?",
            text=(
                "Operations per second by system and outcome. Good is only ok. Errors of MongoDB for some seconds are "
                "a failover; of Redis alone they cost speed, not bookings."
            ),
            unit="ops",
            queries=(
                Query(
                    f"sum by (db_system_name, outcome)"
                    f' (rate({OPERATIONS}_count{{job="app",instance=~"$app"}}[{RATE}]))',
                    "{{db_system_name}} {{outcome}}",
                ),
            ),
            leads_to=MONGODB_DASHBOARD,
        ),
        Panel(
            title="Is the connection pool enough?",
            text=(
                "Used connections of the most that may be open, and requests waiting for one. Good is far below one "
                "and nobody waiting. If requests wait while the database is fast, the pool is too small."
            ),
            unit="short",
            queries=(
                Query(
                    f'sum by ({pool}) (db_client_connection_count{{instance=~"$app",'
                    'db_client_connection_state="used"})',
                    f"used {{{{{pool}}}}}",
                ),
                Query(
                    f'sum by ({pool}) (db_client_connection_pending_requests{{instance=~"$app"}})',
                    f"waiting {{{{{pool}}}}}",
                ),
                Query(f'sum by ({pool}) (db_client_connection_max{{instance=~"$app"}})', f"most {{{{{pool}}}}}"),
            ),
        ),
        Panel(
            title="Does the cache help?",
            text=(
                "Share of cache requests that hit, by cache. Good is a steady level well above a half; a fall to zero "
                "after a deploy is a changed key, errors are Redis's."
            ),
            unit="percentunit",
            width=12,
            queries=(
                Query(
                    f'sum by (cache) (rate(cache_requests_total{{instance=~"$app",outcome="hit"}}[{RATE}]))'
                    f' / (sum by (cache) (rate(cache_requests_total{{instance=~"$app"}}[{RATE}])) > 0)',
                    "{{cache}}",
                ),
            ),
            maximum=1,
            leads_to=REDIS_DASHBOARD,
        ),
        Panel(
            title="How long is waited for a connection?",
            text=(
                "99th percentile of the time that requests wait for a connection of the pool. Good is below a "
                "millisecond or two; more is a pool that is too small, or connections made anew after a failover."
            ),
            unit="s",
            width=12,
            queries=(
                Query(
                    quantile(0.99, "db_client_connection_wait_time_seconds", 'instance=~"$app"', by=pool),
                    f"{{{{{pool}}}}}",
                ),
            ),
            steps=warned(0.05),
        ),
    )


def outside() -> tuple[Panel, ...]:
    """The probe of the page, and the journey of a made-up patient."""
    return (
        Panel(
            title="Where does a page's time go?",
            text=(
                "Phases of the probe through the edge. Good is nearly all in processing; a long connect is the edge "
                "or the network, a long resolve is DNS, a long transfer a slow or large page."
            ),
            unit="s",
            queries=(Query('max by (phase) (probe_http_duration_seconds{probe="edge"})', "{{phase}}"),),
            steps=below(PAGE_LOAD_S),
            stacked=True,
        ),
        Panel(
            title="Which step of a booking is slow?",
            text=(
                "Time of each step of the made-up patient's journey. Good is each well below a second; a step that is "
                "missing was not reached, because the one before it failed."
            ),
            unit="s",
            queries=(Query("max by (step) (probe_journey_step_duration_seconds)", "{{step}}"),),
            stacked=True,
            empty_until="first_journey",
            nothing="no journey is made: give the exporters the secret for synthetic patients",
        ),
        Panel(
            title="At which step do journeys fail?",
            text=(
                "Failed journeys by the step they failed at, over time. Good is none. One alone is worth a look, "
                "several in a row are what patients meet as well: the step names the part to look at."
            ),
            unit="short",
            queries=(Query(f"sum by (step) (increase(probe_journey_step_failures_total[{RATE}]))", "{{step}}"),),
            steps=warned(1),
            empty_until="first_journey",
            nothing="no journey is made: give the exporters the secret for synthetic patients",
        ),
        Panel(
            title="When do certificates end?",
            text=(
                "Time until the first certificate of the front door's chain ends. Good is above three weeks; below "
                "it renew it in working hours, below three days at once: at zero no browser opens the page."
            ),
            unit="s",
            width=12,
            minimum=None,
            queries=(Query("min by (probe) (probe_ssl_earliest_cert_expiry) - time()", "{{probe}}"),),
            steps=CERTIFICATE_S,
            draw_thresholds=True,
            empty_until="first_certificate",
            nothing="the front door is asked without TLS",
        ),
        Panel(
            title="Why does a probe fail?",
            text=(
                "Probes that fail, by reason. Good is none; refused and timeout are the edge, dns the name, tls the "
                "certificate, status and content what the apps answered."
            ),
            width=12,
            queries=(Query("sum by (reason) (probe_failure_reason)", "{{reason}}"),),
            steps=below(1),
        ),
    )
