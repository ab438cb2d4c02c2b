"""What the probes from outside may put on the page. Names are blackbox_exporter's where it has the same figure."""

from __future__ import annotations

from exporters.declare import family

PHASES = ("resolve", "connect", "tls", "processing", "transfer")
FAILURES = ("dns", "refused", "timeout", "tls", "redirects", "status", "size", "malformed", "content", "error")
"""Why a probe failed: the name has no address, nobody listens or the connection broke, no (whole) answer in time, the
certificate or the handshake, redirects without end, a bad status, an answer without end, no HTTP, not what it should
say, anything else (the log names its class)."""
STEPS = ("register", "login", "slots", "book", "list", "cancel", "erase")
"""What a patient does, in this order."""
OUTCOMES = ("ok", "failed")

_LIKE = ("blackbox_exporter",)
_JOURNEY = "one journey of a synthetic patient through the front door"

SUCCESS = family(
    "probe_success",
    "Whether the probe got a good answer (status below 400, the right content, within 2 s): 0 is a failure, never "
    "missing data.",
    "probe",
    source="the front door",
    like=_LIKE,
)
DURATION = family(
    "probe_duration_seconds",
    "From resolving the name to the last byte, or until the probe was given up.",
    "probe",
    source="the front door",
    like=_LIKE,
)
FAILURE = family(
    "probe_failure_reason",
    "Why the probe failed: 1 for the reason that holds, 0 for all others; all 0 while it succeeds.",
    "probe",
    "reason",
    source="the front door",
)
STATUS = family(
    "probe_http_status_code",
    "HTTP status of the last answer, redirects followed; 0 when there was none.",
    "probe",
    source="the front door's status line",
    like=_LIKE,
)
HTTP_DURATION = family(
    "probe_http_duration_seconds",
    "Time of each phase of an HTTP probe, redirects summed; of a phase that never ended, the time until it was given "
    "up; 0 for one that was not reached or not needed.",
    "probe",
    "phase",
    source="the front door",
    like=_LIKE,
)
REDIRECTS = family(
    "probe_http_redirects",
    "Redirects that were followed.",
    "probe",
    source="the front door's Location header",
    like=_LIKE,
)
DNS_SECONDS = family(
    "probe_dns_lookup_time_seconds",
    "How long the system's resolver took for the front door's name; absent where the address is a literal one.",
    source="getaddrinfo",
    like=_LIKE,
)
TLS_EXPIRY = family(
    "probe_ssl_earliest_cert_expiry",
    "When the first certificate of the front door's chain ends, as a Unix timestamp, trusted or not; only for https.",
    "probe",
    source="the TLS handshake's certificates",
    like=_LIKE,
)
TLS_VERSION = family(
    "probe_tls_version_info",
    "Always 1; the TLS version that was agreed on; only for https.",
    "probe",
    "version",
    source="the TLS handshake",
    like=_LIKE,
)

JOURNEY_SUCCESS = family(
    "probe_journey_success",
    "Whether the last journey got through: register, log in, find free slots, book, see it, cancel, erase the account.",
    source=_JOURNEY,
    cost="slow",
)
JOURNEY_DURATION = family(
    "probe_journey_duration_seconds",
    "How long the last journey took, to its end or to the step that failed.",
    source=_JOURNEY,
    cost="slow",
)
STEP_SUCCESS = family(
    "probe_journey_step_success",
    "Whether this step of the last journey succeeded; 0 too for one that was not reached.",
    "step",
    source=_JOURNEY,
    cost="slow",
)
STEP_DURATION = family(
    "probe_journey_step_duration_seconds",
    "How long this step of the last journey took; absent for one that was not reached.",
    "step",
    source=_JOURNEY,
    cost="slow",
)
FAILED_STEP = family(
    "probe_journey_failed_step",
    "Which step the last journey failed at: 1 for that one, 0 for all others; all 0 while journeys succeed.",
    "step",
    source=_JOURNEY,
    cost="slow",
)
JOURNEY_FAILURE = family(
    "probe_journey_failure_reason",
    "Why the last journey failed: 1 for the reason that holds, 0 for all others; all 0 while journeys succeed.",
    "reason",
    source=_JOURNEY,
    cost="slow",
)
JOURNEY_STATUS = family(
    "probe_journey_http_status_code",
    "HTTP status of the answer that the last journey failed at; 0 where there was none, and while journeys succeed.",
    source=_JOURNEY,
    cost="slow",
)
JOURNEY_LEFTOVER = family(
    "probe_journey_leftover",
    "1 if the last journey could not make sure that its patient is gone; the next one, or the app itself, removes it.",
    source=_JOURNEY,
    cost="slow",
)
JOURNEY_RUNS = family(
    "probe_journey_runs_total",
    "Journeys since the start, by outcome.",
    "outcome",
    source=_JOURNEY,
    cost="slow",
)
STEP_FAILURES = family(
    "probe_journey_step_failures_total",
    "Journeys since the start that failed at this step.",
    "step",
    source=_JOURNEY,
    cost="slow",
)
LAST_SUCCESS = family(
    "probe_journey_last_success_timestamp_seconds",
    "When a journey last got through; 0 until then.",
    source=_JOURNEY,
    cost="slow",
)

PROBE_METRICS = (
    SUCCESS,
    DURATION,
    FAILURE,
    STATUS,
    HTTP_DURATION,
    REDIRECTS,
    DNS_SECONDS,
    TLS_EXPIRY,
    TLS_VERSION,
)
JOURNEY_METRICS = (
    JOURNEY_SUCCESS,
    JOURNEY_DURATION,
    STEP_SUCCESS,
    STEP_DURATION,
    FAILED_STEP,
    JOURNEY_FAILURE,
    JOURNEY_STATUS,
    JOURNEY_LEFTOVER,
    JOURNEY_RUNS,
    STEP_FAILURES,
    LAST_SUCCESS,
)
