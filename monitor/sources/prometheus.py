"""Reads a Prometheus (or anything that speaks its query API) through the library ``prometheus-api-client``.

The library answers with bare dictionaries, has no deadline unless told, and raises what ``requests`` raises. Here its
answers become frozen values, and every failure one ``Unavailable`` sentence: what was asked, of whom, what to do.
Calls block: use a thread where an event loop runs.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests import Response
from requests.exceptions import ConnectionError as Unreachable
from requests.exceptions import Timeout
from urllib3.util.retry import Retry
from yarl import URL

from monitor import clock
from monitor.addresses import is_loopback, place
from monitor.catalogue.promql import shown
from monitor.errors import Unavailable
from monitor.settings import Login, Settings
from monitor.sources.bounded_http import MOST_BYTES, BoundedSession, TooLong

CONNECT_TIMEOUT_S = 3.0
"""A Prometheus that does not even accept a connection in this time is down."""

MAX_POINTS = 10_000
"""Prometheus refuses a range query of more than 11,000 points per series; longer ones are asked for in parts."""

WHOLE = {"partial_response": "false", "deny_partial_response": "1"}
"""Who cannot answer from all its stores shall say so instead of leaving some out: Thanos and VictoriaMetrics's cluster,
which otherwise answer with a warning. Prometheus has no such question, and ignores it."""

_NO_ANSWER = (OSError, ArithmeticError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading an answer raises that is none: of ``requests``, of instants that no calendar has, of what is missing."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of one series at an instant. ``value`` may be NaN, as Prometheus says it."""

    labels: Mapping[str, str]
    value: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series over time, oldest point first."""

    labels: Mapping[str, str]
    points: tuple[tuple[datetime, float], ...]


class Prometheus:
    """A client of one Prometheus. Close it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        timeout_s: float = 10,
        *,
        login: Login | None = None,
        named: str = "prometheus_url (MONITOR_PROMETHEUS_URL)",
    ) -> None:
        self.url = url.rstrip("/")
        self.named = named
        """By which setting or flag the address was given: that is what messages say to correct."""
        self.place = place(url)
        """Host and port, without a password that the URL may carry."""
        self.timeout_s = timeout_s
        # One more try on a refused connection; a Prometheus that is slow or says "no" is not asked again.
        retry = Retry(total=1, connect=1, read=False, status=0, backoff_factor=0.2)
        self._session = BoundedSession(2 * timeout_s, retry=retry)
        if is_loopback(URL(url).host or ""):
            self._session.trust_env = False  # a proxy for the world must not see this machine's own
        self._timeout = (CONNECT_TIMEOUT_S, timeout_s + 1)
        self._client = PrometheusConnect(url=self.url, auth=login, timeout=self._timeout, session=self._session)
        self._session.mount(self.url, self._session.adapter)  # in place of the library's own, which waits for ever

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def instant(self, promql: str, at: datetime | None = None) -> tuple[Sample, ...]:
        """Evaluate an expression at one instant (now, if none is given), sorted by labels.

        Raises:
            Unavailable: Prometheus cannot be reached in time, or refuses the expression.
        """
        params = self._params(at)
        return self._ask(promql, lambda: _samples(self._client.custom_query(promql, params=params)))

    def samples(self, selector: str, at: datetime | None = None) -> tuple[Series, ...]:
        """Return the raw samples that a range selector (``metric{...}[5m]``) holds at an instant, sorted by labels.

        Raises:
            Unavailable: as ``instant``.
        """
        params = self._params(at)
        return self._ask(selector, lambda: _series(self._client.custom_query(selector, params=params)))

    def range(
        self, promql: str, start: datetime, end: datetime, step: timedelta, *, most: int = MAX_POINTS
    ) -> tuple[Series, ...]:
        """Evaluate an expression at ``start``, ``start + step``, ... up to ``end``; long spans are asked for in parts.

        ``most`` is how many points are asked for at once, fewer where each is dear.

        Raises:
            Unavailable: as ``instant``.
        """
        points: dict[tuple[tuple[str, str], ...], list[tuple[datetime, float]]] = {}
        part = step * (most - 1)
        while start <= end:
            for series in self._range_part(promql, start, min(start + part, end), step):
                points.setdefault(tuple(sorted(series.labels.items())), []).extend(series.points)
            start += part + step
        return tuple(Series(labels=dict(key), points=tuple(points[key])) for key in sorted(points))

    def retention(self) -> str | None:
        """How long this server keeps samples, in its own words (``15d``, ``1y or 100GB``); ``None`` if it says nothing.

        Raises:
            Unavailable: as ``instant``.
        """
        return self._status("runtimeinfo", "storageRetention")

    def version(self) -> str | None:
        """Which Prometheus this is (``3.5.3``); ``None`` if it does not say.

        Raises:
            Unavailable: as ``instant``.
        """
        return self._status("buildinfo", "version")

    def _status(self, what: str, field: str) -> str | None:
        answer = self.get(f"status/{what}", {})
        # Others that speak the query API (VictoriaMetrics) do not know the question.
        if not answer.ok:
            return None
        return self._ask(what, lambda: str(answer.json()["data"][field]))

    def get(self, path: str, params: Mapping[str, str]) -> Response:
        """Ask ``/api/v1/<path>`` for what the library has no call for; whatever comes is answered, refusals too.

        Raises:
            Unavailable: Prometheus cannot be reached in time.
        """
        url, limited = f"{self.url}/api/v1/{path}", self._params(None) | dict(params)
        return self._ask(
            path, lambda: self._session.get(url, params=limited, auth=self._client.auth, timeout=self._timeout)
        )

    def _range_part(self, promql: str, start: datetime, end: datetime, step: timedelta) -> tuple[Series, ...]:
        # The library rounds both ends to whole seconds; parameters given here replace its own.
        # VictoriaMetrics moves both ends to whole steps, for its cache's sake, unless it is told not to use that.
        exact = self._params(None) | {"nocache": "1"}
        exact |= {"start": f"{start.timestamp():.3f}", "end": f"{end.timestamp():.3f}"}
        width = f"{step.total_seconds():.3f}"
        return self._ask(
            promql, lambda: _series(self._client.custom_query_range(promql, start, end, width, params=exact))
        )

    def _params(self, at: datetime | None) -> dict[str, str]:
        limit = WHOLE | {"timeout": f"{self.timeout_s:g}s"}
        return limit if at is None else limit | {"time": f"{at.timestamp():.3f}"}

    def _ask(self, what: str, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except PrometheusApiClientException as error:
            raise Unavailable(self._refusal(what, str(error))) from error
        except Timeout as error:
            raise Unavailable(
                f"Prometheus at {self.place} did not answer within {self.timeout_s:g} s: "
                "see whether it is overloaded or hung"
            ) from error
        except Unreachable as error:
            raise Unavailable(f"cannot reach Prometheus at {self.place}: start it, or correct {self.named}") from error
        except TooLong as error:
            raise Unavailable(
                f"Prometheus at {self.place} answers {shown(what)!r} with more than {MOST_BYTES >> 20} MiB: "
                f"ask for a shorter time or for fewer series, or check {self.named}"
            ) from error
        except _NO_ANSWER as error:
            raise Unavailable(
                f"{self.place} does not answer like a Prometheus ({type(error).__name__}): check {self.named}"
            ) from error

    def _refusal(self, what: str, text: str) -> str:
        if text.startswith(("HTTP Status Code 401", "HTTP Status Code 403")):
            return (
                f"Prometheus at {self.place} wants another user or password: "
                "check prometheus_username and prometheus_password_file"
            )
        # The library keeps of an answer only "HTTP Status Code 400 (b'...')"; the reason is JSON inside those bytes.
        try:
            reason = str(json.loads(ast.literal_eval(text[text.index("(") + 1 : -1]))["error"])
        except (ValueError, SyntaxError, KeyError, TypeError):
            status = text.removeprefix("HTTP Status Code ").partition(" ")[0]
            remedy = f"check {self.named}, and any proxy before it"
            return f"{self.place} answers {status}, and not as a Prometheus does: {remedy}"
        return f"Prometheus at {self.place} refused {shown(what)!r}: {reason}"


def connect(settings: Settings, *, timeout_s: float = 10) -> Prometheus:
    """Make a client of the Prometheus that the settings name, logged in where they say so.

    Raises:
        SettingsError: the file with its password cannot be read.
    """
    return Prometheus(settings.prometheus_url, timeout_s, login=settings.prometheus_login())


def _samples(rows: list[Any]) -> tuple[Sample, ...]:
    if rows and not isinstance(rows[0], dict):  # a scalar: [time, value]
        return (Sample(labels={}, value=float(rows[1]), at=clock.from_epoch(float(rows[0]))),)
    found = (
        Sample(labels=row["metric"], value=float(row["value"][1]), at=clock.from_epoch(float(row["value"][0])))
        for row in rows
    )
    return tuple(sorted(found, key=_by_labels))


class _Instants(dict[float, datetime]):
    """Instants by their seconds: all series of a range have the same ones, so each is made once."""

    def __missing__(self, seconds: float) -> datetime:
        self[seconds] = clock.from_epoch(float(seconds))
        return self[seconds]


def _series(rows: list[Any]) -> tuple[Series, ...]:
    instants = _Instants()
    found = (
        Series(labels=row["metric"], points=tuple((instants[at], float(value)) for at, value in row["values"]))
        for row in rows
        if row["values"]
    )
    return tuple(sorted(found, key=_by_labels))


def _by_labels(item: Sample | Series) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(item.labels.items()))
