"""Reads Alertmanager's API v2, and asks other HTTP endpoints whether they are alive. Calls block, with deadlines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import requests
from requests.auth import HTTPBasicAuth
from yarl import URL

from monitor import clock
from monitor.addresses import is_loopback, place
from monitor.errors import Unavailable
from monitor.settings import Login
from monitor.sources.bounded_http import BoundedSession

TIMEOUT_S = 5.0
MOST_REASON = 200
"""Characters of what Alertmanager says when it refuses."""
Answer = TypeVar("Answer")
_WHO_ARE_YOU = frozenset({requests.codes.unauthorized, requests.codes.forbidden})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveAlert:
    """An alert that fires now, and what keeps it from being heard: silences, or alerts that inhibit it."""

    labels: Mapping[str, str]
    starts_at: datetime
    fingerprint: str = ""
    suppressed: bool = False
    silenced_by: tuple[str, ...] = ()
    """Ids of silences."""
    inhibited_by: tuple[str, ...] = ()
    """Fingerprints of alerts."""

    @property
    def name(self) -> str:
        """The ``alertname`` label."""
        return self.labels.get("alertname", "")


def active_alerts(url: str, *, login: Login | None = None) -> tuple[ActiveAlert, ...]:
    """Return the alerts that fire now, silenced and inhibited ones included.

    Raises:
        Unavailable: Alertmanager cannot be reached, or does not answer like one.
    """
    alerts = ask(
        url, "alerts", params={"active": "true"}, login=login, read=lambda rows: tuple(_alert(row) for row in rows)
    )
    return tuple(sorted(alerts, key=lambda alert: (alert.starts_at, alert.name)))


def ask(
    url: str,
    what: str,
    *,
    read: Callable[[Any], Answer],
    method: str = "GET",
    params: Mapping[str, str] | None = None,
    body: object = None,
    login: Login | None = None,
) -> Answer:
    """Ask API v2 for something and hand the answer's JSON to ``read``; an empty answer is ``None``.

    Raises:
        Unavailable: Alertmanager cannot be reached, refuses, or answers what ``read`` cannot make anything of.
    """
    address = f"{url.rstrip('/')}/api/v2/{what}"
    try:
        with _session(address, TIMEOUT_S) as session:
            answer = session.request(
                method, address, params=params, json=body, auth=login and HTTPBasicAuth(*login), timeout=TIMEOUT_S
            )
            answer.raise_for_status()
            return read(json.loads(answer.content) if answer.content else None)
    except requests.HTTPError as error:
        status = error.response.status_code
        login_wrong = ": check alertmanager_username and alertmanager_password_file"
        remedy = login_wrong if status in _WHO_ARE_YOU else _reason(error.response)
        asked = what.partition("/")[0]
        raise Unavailable(f"Alertmanager at {place(url)} answered {status} when asked for {asked}{remedy}") from error
    except requests.ReadTimeout as error:
        asked = "" if method == "GET" else "; it may have done what it was told, so look before you try again"
        raise Unavailable(f"Alertmanager at {place(url)} did not answer within {TIMEOUT_S:g} s{asked}") from error
    except requests.RequestException as error:
        raise Unavailable(f"cannot reach Alertmanager at {place(url)}: start it, or set alertmanager_url") from error
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Unavailable(f"{place(url)} does not answer like an Alertmanager: check alertmanager_url") from error


def _reason(response: requests.Response) -> str:
    """Why Alertmanager refused, in its own words, to follow our sentence; empty where it gives none."""
    try:
        said = response.json()
    except ValueError:  # a page of some proxy
        return ""
    text = said.get("message") if isinstance(said, dict) else said
    return f": {' '.join(text.split())[:MOST_REASON]}" if isinstance(text, str) and text else ""


def why_dead(url: str, *, timeout_s: float = TIMEOUT_S) -> str:
    """Ask an endpoint whether it is alive: empty if it is, else what is wrong, to follow its name in a sentence.

    A demand for a password is a sign of life, and so is being sent elsewhere.
    """
    status, failure = _get(url, timeout_s=timeout_s, follow=False)
    alive = status < requests.codes.bad_request or status in _WHO_ARE_YOU
    return failure or ("" if alive else f"answered {status}")


def why_untaken(url: str, *, timeout_s: float = TIMEOUT_S) -> str:
    """Tell an endpoint something by calling it: empty if it took it, else what is wrong, as ``why_dead``.

    Whoever demands a password has taken nothing, and whoever moved is called where it is now.
    """
    status, failure = _get(url, timeout_s=timeout_s, follow=True)
    taken = requests.codes.ok <= status < requests.codes.multiple_choices
    return failure or ("" if taken else f"answered {status}")


def _get(url: str, *, timeout_s: float, follow: bool) -> tuple[int, str]:
    """The status of the answer, or why there is none."""
    try:
        with _session(url, timeout_s) as session:
            return session.get(url, timeout=timeout_s, allow_redirects=follow).status_code, ""
    except requests.Timeout:
        return 0, f"did not answer within {timeout_s:g} s"
    except (requests.RequestException, ValueError):  # the latter: what stands in the file of a secret URL is none
        return 0, "cannot be reached"


def _session(url: str, timeout_s: float) -> requests.Session:
    session = BoundedSession(timeout_s)
    # A proxy for the world must not see this machine's own.
    session.trust_env = not is_loopback(URL(url).host or "")
    return session


def _alert(row: Mapping[str, object]) -> ActiveAlert:
    labels, status = row["labels"], row["status"]
    if not isinstance(labels, dict) or not isinstance(status, dict):
        raise TypeError("labels and status are objects")
    return ActiveAlert(
        labels={str(name): str(value) for name, value in labels.items()},
        starts_at=clock.from_rfc3339(str(row["startsAt"])),
        fingerprint=str(row.get("fingerprint", "")),
        suppressed=status["state"] == "suppressed",
        silenced_by=tuple(map(str, status.get("silencedBy", ()))),
        inhibited_by=tuple(map(str, status.get("inhibitedBy", ()))),
    )
