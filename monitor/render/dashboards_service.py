"""The API: what patients get at the edge (rate, errors, duration), and which part behind it is the cause. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_instances import instances
from monitor.render.dashboards_model import Board, Panel, Query, Said, Section, Variable
from monitor.render.dashboards_promql import RATE, bad_share, latency_limit, mean, quantile
from monitor.render.dashboards_style import BAD, CODE_COLOURS, GOOD, WARN, YES, Steps, above, below, warned
from monitor.render.links import BUSINESS_DASHBOARD, MONGODB_DASHBOARD, REDIS_DASHBOARD, SERVICE_DASHBOARD

EDGE = 'proxy=~"bookings|api|pages"'
API = 'job="app",instance=~"$instance",http_route=~"/api/.*"'
REQUESTS = "http_server_request_duration_seconds"
OPERATIONS = "db_client_operation_duration_seconds"
CERTIFICATE_S: Steps = above(3 * 86_400.0, warn=21 * 86_400.0)
"""Three weeks are time for a renewal in working hours; three days are what a long weekend takes."""

PAGE_LOAD_S = 2.0
"""The probe's own limit, which is the promise that pages load in."""

UP_DOWN = (Said(1, "up"), Said(0, "down"))
YES_NO = (Said(1, "yes"), Said(0, "no"))


def service_board(catalogue: Catalogue) -> Board:
    """Make the board; limits are the bucket edges that the latency SLOs are counted at."""
    return Board(
        uid=SERVICE_DASHBOARD,
        title="API: edge, requests, dependencies",
        text="What do patients get at the edge, and which part behind it is the cause?",
        span="now-3h",
        variables=(Variable(name="instance", label="App", metric='up{job="app"}', choice="instance"),),
        sections=(
            Section(title="Now", panels=_now(catalogue)),
            Section(title="Rate, errors, duration", panels=_red(catalogue)),
            Section(title="Answer times in detail", panels=_latency(catalogue), collapsed=True),
            Section(title="What the apps lean on", panels=_dependencies(catalogue), collapsed=True),
            Section(title="Instances", panels=instances(), collapsed=True),
            Section(title="From outside: probe and journey", panels=_outside(), collapsed=True),
        ),
    )


def _answers(by: str = "", more: str = "") -> str:
    group = f" by ({by})" if by else ""
    return f"sum{group} (rate(haproxy_backend_http_responses_total{{{EDGE}{more}}}[{RATE}]))"


def _failing(by: str = "") -> str:
    group = f" by ({by})" if by else ""
    denied = f"sum{group} (rate(haproxy_backend_responses_denied_total{{{EDGE}}}[{RATE}]))"
    failed = _answers(by, ',code="5xx"')
    return f"({failed} + {denied}) / {_answers(by)}"


def _now(catalogue: Catalogue) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Is the service reachable?",
            text=(
                "The probe from outside, through the edge. Good is up. Down means that patients get nothing: follow "
                "the runbook, beginning at the edge and the apps behind it."
            ),
            kind="stat",
            queries=(Query('max(probe_success{probe="edge"})', "edge"),),
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
                "far above it means that a few patients wait much longer: open the row below to see on which route."
            ),
            unit="s",
            width=12,
            queries=(Query(mean(REQUESTS, API), "mean"), Query(quantile(0.99, REQUESTS, API), "99 %")),
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


def _latency(catalogue: Catalogue) -> tuple[Panel, ...]:
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


def _dependencies(catalogue: Catalogue) -> tuple[Panel, ...]:
    pool = "db_client_connection_pool_name"
    mongodb = 'job="app",instance=~"$instance",db_system_name="mongodb"'
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
                    f' (rate({OPERATIONS}_count{{job="app",instance=~"$instance"}}[{RATE}]))',
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
                    f'sum by ({pool}) (db_client_connection_count{{instance=~"$instance",'
                    'db_client_connection_state="used"})',
                    f"used {{{{{pool}}}}}",
                ),
                Query(
                    f'sum by ({pool}) (db_client_connection_pending_requests{{instance=~"$instance"}})',
                    f"waiting {{{{{pool}}}}}",
                ),
                Query(f'sum by ({pool}) (db_client_connection_max{{instance=~"$instance"}})', f"most {{{{{pool}}}}}"),
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
                    f'sum by (cache) (rate(cache_requests_total{{instance=~"$instance",outcome="hit"}}[{RATE}]))'
                    f' / sum by (cache) (rate(cache_requests_total{{instance=~"$instance"}}[{RATE}]))',
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
                    quantile(0.99, "db_client_connection_wait_time_seconds", 'instance=~"$instance"', by=pool),
                    f"{{{{{pool}}}}}",
                ),
            ),
            steps=warned(0.05),
        ),
    )


def _outside() -> tuple[Panel, ...]:
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
    )
