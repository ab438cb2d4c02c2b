"""What the app counts and measures.

The names are OpenTelemetry's where those exist; edges at 0.05, 0.2 and 2 s are the promises, so that a ratio of buckets
is exact. No label can hold an identifier: all values are closed lists in code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from telemetry.kinds import Route
from telemetry.metric import Metric, counter, gauge, histogram
from telemetry.statsd import Statsd

REQUEST_EDGES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10)
OPERATION_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5)
WAIT_EDGES = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)
LAG_EDGES = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

REQUEST_DURATION = Metric(
    name="http_server_request_duration_seconds",
    type="histogram",
    unit="seconds",
    help="Time from a request's head read to its answer written, by route template ([/api/]unmatched for none).",
    labels=("http_request_method", "http_route", "http_response_status_code"),
    buckets=REQUEST_EDGES,
)
ACTIVE_REQUESTS = Metric(name="http_server_active_requests", type="gauge", help="Requests being answered now.")
OPERATION_DURATION = Metric(
    name="db_client_operation_duration_seconds",
    type="histogram",
    unit="seconds",
    help="Time of one MongoDB or Redis operation as the app sees it: server selection, pool wait and retries included.",
    labels=("db_system_name", "db_operation_name", "outcome"),
    buckets=OPERATION_EDGES,
)
CONNECTION_COUNT = Metric(
    name="db_client_connection_count",
    type="gauge",
    help="Connections of a MongoDB pool, by state (idle, used).",
    labels=("db_client_connection_pool_name", "db_client_connection_state"),
)
CONNECTION_MAX = Metric(
    name="db_client_connection_max",
    type="gauge",
    help="The most connections that a MongoDB pool may hold.",
    labels=("db_client_connection_pool_name",),
)
CONNECTION_PENDING = Metric(
    name="db_client_connection_pending_requests",
    type="gauge",
    help="Operations waiting for a connection of a MongoDB pool.",
    labels=("db_client_connection_pool_name",),
)
CONNECTION_WAIT = Metric(
    name="db_client_connection_wait_time_seconds",
    type="histogram",
    unit="seconds",
    help="Time that an operation waited for a connection of a MongoDB pool.",
    labels=("db_client_connection_pool_name",),
    buckets=WAIT_EDGES,
)
CACHE_REQUESTS = Metric(
    name="cache_requests_total",
    type="counter",
    help="Look-ups in Redis, by outcome (hit, miss, error).",
    labels=("cache", "outcome"),
)
BOOKING_ATTEMPTS = Metric(
    name="booking_attempts_total",
    type="counter",
    help="Attempts to book, by outcome (booked, conflict, invalid, error); a replayed answer is not counted again.",
    labels=("outcome",),
)
TRANSITIONS = Metric(
    name="appointments_transitions_total",
    type="counter",
    help="Appointments that came into a FHIR status.",
    labels=("status",),
)
USERS_REGISTERED = Metric(name="users_registered_total", type="counter", help="Patients who registered.")
SYNTHETIC_LEFTOVERS = Metric(
    name="synthetic_leftovers_total",
    type="counter",
    help="Synthetic patients that a prober left behind, and that were removed when their time was over.",
)
OVERLAPPING = Metric(
    name="appointments_overlapping",
    type="gauge",
    help="Appointments that overlap another of the same practitioner or patient: must be 0; absent while not known.",
)
OVERLAP_CHECKED = Metric(
    name="appointments_overlapping_checked_timestamp_seconds",
    type="gauge",
    unit="seconds",
    help="When overlapping appointments were last looked for with success; 0 until then.",
)
BUILD_INFO = Metric(name="app_build_info", type="gauge", help="Always 1; says the version.", labels=("version",))
READY = Metric(name="app_ready", type="gauge", help="1 while /readyz says ready: started and not draining.")
LOOP_LAG = Metric(
    name="event_loop_lag_seconds",
    type="histogram",
    unit="seconds",
    help="How late the event loop wakes a sleeper: time that every request waits and no request timer sees.",
    buckets=LAG_EDGES,
)

METRICS = (
    REQUEST_DURATION,
    ACTIVE_REQUESTS,
    OPERATION_DURATION,
    CONNECTION_COUNT,
    CONNECTION_MAX,
    CONNECTION_PENDING,
    CONNECTION_WAIT,
    CACHE_REQUESTS,
    BOOKING_ATTEMPTS,
    TRANSITIONS,
    USERS_REGISTERED,
    SYNTHETIC_LEFTOVERS,
    OVERLAPPING,
    OVERLAP_CHECKED,
    BUILD_INFO,
    READY,
    LOOP_LAG,
)

BOOKING_OUTCOMES = ("booked", "conflict", "invalid", "error")
CACHE_OUTCOMES = ("hit", "miss", "error")


class Metrics:
    """The app's metrics on one registry. Children known beforehand start at 0, so that rates see the first event."""

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        self.statsd = Statsd()
        self._requests = Children(histogram(REQUEST_DURATION, registry))
        self.active_requests = gauge(ACTIVE_REQUESTS, registry)
        self._operations = Children(histogram(OPERATION_DURATION, registry))
        self.connections = gauge(CONNECTION_COUNT, registry)
        self.connections_max = gauge(CONNECTION_MAX, registry)
        self.connections_pending = gauge(CONNECTION_PENDING, registry)
        self.connection_wait = histogram(CONNECTION_WAIT, registry)
        cache = counter(CACHE_REQUESTS, registry)
        self.slot_cache = {outcome: cache.labels("slots", outcome) for outcome in CACHE_OUTCOMES}
        bookings = counter(BOOKING_ATTEMPTS, registry)
        self.bookings = {outcome: bookings.labels(outcome) for outcome in BOOKING_OUTCOMES}
        transitions = counter(TRANSITIONS, registry)
        self.transitions = {status: transitions.labels(status) for status in ("booked", "cancelled")}
        self.users_registered = counter(USERS_REGISTERED, registry)
        self.synthetic_leftovers = counter(SYNTHETIC_LEFTOVERS, registry)
        self.overlapping = Measured(OVERLAPPING)
        registry.register(self.overlapping)
        self.overlap_checked = gauge(OVERLAP_CHECKED, registry)
        gauge(BUILD_INFO, registry).labels(version).set(1)
        self.ready = gauge(READY, registry)
        self.loop_lag = histogram(LOOP_LAG, registry)

    def request(self, method: str, route: Route, status: int, seconds: float, trace_id: str = "") -> None:
        """Count one answered request; its trace, where one is recorded, becomes the exemplar of its bucket."""
        self.statsd.distribution(
            "http.server.request.duration", seconds, {"method": method, "route": route, "status": status}
        )
        exemplar = {"trace_id": trace_id} if trace_id else None
        self._requests.of(method, route, str(status)).observe(seconds, exemplar)

    def booking(self, outcome: str) -> None:
        """Count how one attempt to book ended."""
        self.bookings[outcome].inc()
        self.statsd.increment("booking.attempts", tags={"outcome": outcome})

    def operation(self, system: str, name: str, outcome: str, seconds: float) -> None:
        """Count one database operation; ``outcome`` is ``ok``, or ``error`` where the server gave no answer."""
        self._operations.of(system, name, outcome).observe(seconds)


class Children:
    """A histogram's label children, kept: ``labels()`` on each request costs twice the observation itself."""

    def __init__(self, family: Histogram) -> None:
        self._family = family
        self._children: dict[tuple[str, ...], Histogram] = {}

    def of(self, *labels: str) -> Histogram:
        """Return the child of these label values."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._family.labels(*labels)
        return child


class Measured(Collector):
    """A gauge that is absent until it is known, and again when it is not known any more: unknown is not 0."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.value = math.nan

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the family, without a sample while the value is not known."""
        family = GaugeMetricFamily(self._metric.name, self._metric.help)
        if not math.isnan(self.value):
            family.add_metric((), self.value)
        yield family
