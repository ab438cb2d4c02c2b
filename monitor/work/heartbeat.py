"""Tells somebody outside, each minute, that the whole alerting chain is alive; silence is what alarms them.

The call is made only if Prometheus, Alertmanager and web answer, and the Watchdog has come all the way through lately.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor import clock
from monitor.settings import Settings, read_secret
from monitor.sources.alertmanager import why_dead
from monitor.store import Record, Store
from telemetry import logs

WATCHDOG_LIMIT = timedelta(minutes=3)
"""It comes each minute; three that did not come are no accident."""

log = logs.get_logger()


def beat(settings: Settings, store: Store) -> str:
    """Call the heartbeat URL if the chain is alive; returns why it was not called, or empty.

    Raises:
        SettingsError: the file with the URL cannot be read.
    """
    url = read_secret(settings.heartbeat_url_file, "heartbeat_url")
    broken = why_silent(store.get("watchdog", "latest"), clock.now()) or _first_dead(settings)
    if broken:
        return f"not sent: {broken}"
    failure = why_dead(url)
    if failure:
        # The URL is a secret: it is not named.
        log.warning("work.heartbeat_failed")
        return f"the heartbeat's receiver {failure}"
    return ""


def why_silent(watchdog: Record | None, now: datetime) -> str:
    """Say why alerts may not arrive, judged by the Watchdog; empty if they do."""
    if watchdog is None:
        return "the Watchdog was never seen"
    age = now - watchdog.at
    return f"the Watchdog was last seen {clock.humanize(age)} ago" if age > WATCHDOG_LIMIT else ""


def _first_dead(settings: Settings) -> str:
    for name, url in (
        ("Prometheus", settings.prometheus_url),
        ("Alertmanager", settings.alertmanager_url),
        ("web", settings.web_address),
    ):
        reason = why_dead(f"{url.rstrip('/')}/-/ready")
        if reason:
            return f"{name} {reason}"
    return ""
