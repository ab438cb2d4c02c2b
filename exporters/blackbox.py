"""Looks at the service from outside, as patients meet it: through the front door, over a new connection each time."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import ClassVar, Self

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from exporters.collector import Deadline
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings, SettingsError
from exporters.sources import Sources
from telemetry.metric import Metric

PROBES = {"edge": "/readyz", "page": "/"}
"""What is asked for, below the probe URL."""
HEADERS = {"X-Probe": "1", "User-Agent": "appointment-sre-probe"}
"""The edge keeps probes apart by this header, so that they never count as patients."""
LIMIT = 2.0
"""Seconds; pages are promised to load in less."""
SPARE = 0.1
_BODY_LIMIT = 4 * 1024 * 1024
_BAD = 400

SUCCESS = Metric(
    name="probe_success",
    type="gauge",
    help="Whether the probe got a good answer (status below 400, within 2 s): 0 is a failure, never missing data.",
    labels=("probe",),
)
DURATION = Metric(
    name="probe_duration_seconds",
    type="gauge",
    unit="seconds",
    help="From resolving the name to the last byte, or until the probe was given up.",
    labels=("probe",),
)
STATUS = Metric(
    name="probe_http_status_code",
    type="gauge",
    help="HTTP status of the last answer, redirects followed; 0 when there was none.",
    labels=("probe",),
)
FAILURE = Metric(
    name="probe_failure_reason",
    type="gauge",
    help="Why the probe failed: 1 for the reason that holds, 0 for all others; all 0 while it succeeds.",
    labels=("probe", "reason"),
)
TLS_EXPIRY = Metric(
    name="probe_ssl_earliest_cert_expiry",
    type="gauge",
    help="When the front door's certificate ends, as a Unix timestamp; only for https.",
    labels=("probe",),
)
FAILURES = ("refused", "timeout", "tls", "status", "malformed")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one probe saw; ``failure`` is one of ``FAILURES``, or ``None`` when all was well."""

    failure: str | None
    status: int = 0
    certificate_ends: float | None = None


class BlackboxCollector:
    """Asks each of ``PROBES`` at each scrape."""

    name: ClassVar[str] = "blackbox"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = (SUCCESS, DURATION, STATUS, FAILURE, TLS_EXPIRY)

    def __init__(self, url: str, *, trust: ssl.SSLContext | None = None) -> None:
        self._url = url.rstrip("/")
        self._trust: ssl.SSLContext | bool = trust or True
        self._session: aiohttp.ClientSession | None = None
        self._connector: _Connector | None = None

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """There must be a door to knock at."""
        return None if settings.probe_url else "--probe"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Prepare for one front door."""
        settings = sources.settings
        if settings.probe_ca_file is None:
            return cls(settings.probe_url or "")
        try:
            trust = ssl.create_default_context(cafile=str(settings.probe_ca_file))
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"cannot read certificates from {settings.probe_ca_file}: {error.strerror}") from error
        return cls(settings.probe_url or "", trust=trust)

    async def start(self) -> None:
        """Make the session; each probe opens its own connection, since that is what a patient does first."""
        self._connector = _Connector(force_close=True, ssl=self._trust)
        self._session = aiohttp.ClientSession(
            headers=HEADERS,
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Probe side by side."""
        await asyncio.gather(*(self._probe(name, path, readings, deadline) for name, path in PROBES.items()))

    def lost(self, readings: Readings, reason: Reason) -> None:
        """A probe that could not even be tried has failed."""
        for name in PROBES:
            failure = "timeout" if reason is Reason.TIMEOUT else "refused"
            _write(name, Seen(failure), 0.0, readings)

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def _probe(self, name: str, path: str, readings: Readings, deadline: Deadline) -> None:
        started = time.monotonic()
        try:
            async with deadline.guard(spare=SPARE, limit=LIMIT):
                seen = await self._get(self._url + path)
        except TimeoutError:
            seen = Seen("timeout")
        except aiohttp.ClientSSLError:
            seen = Seen("tls")
        except (aiohttp.ClientConnectionError, OSError):
            seen = Seen("refused")
        except (aiohttp.ClientError, ValueError):
            seen = Seen("malformed")
        _write(name, seen, time.monotonic() - started, readings)

    async def _get(self, url: str) -> Seen:
        assert self._session is not None and self._connector is not None, "start() comes first"  # noqa: PT018  # one fact
        async with self._session.get(url, max_redirects=5) as response:
            ends = self._connector.certificate_ends
            size = 0
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > _BODY_LIMIT:
                    return Seen("malformed", response.status, ends)
            return Seen("status" if response.status >= _BAD else None, response.status, ends)


class _Connector(aiohttp.TCPConnector):
    """Looks at the certificate while the connection is there: after a short answer aiohttp has let go of it."""

    certificate_ends: float | None = None

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's signature
    ) -> Connection:
        """Connect, and note when the certificate of the front door ends."""
        connection = await super().connect(req, traces, timeout)
        secured = connection.transport.get_extra_info("ssl_object") if connection.transport is not None else None
        certificate = secured.getpeercert() if secured is not None else None
        self.certificate_ends = float(ssl.cert_time_to_seconds(certificate["notAfter"])) if certificate else None
        return connection


def _write(name: str, seen: Seen, seconds: float, readings: Readings) -> None:
    readings.add(SUCCESS, int(seen.failure is None), name)
    readings.add(DURATION, seconds, name)
    readings.add(STATUS, seen.status, name)
    readings.states(FAILURE, seen.failure, FAILURES, name)
    if seen.certificate_ends is not None:
        readings.add(TLS_EXPIRY, seen.certificate_ends, name)
