"""Tells somebody outside, each minute, that the whole alerting chain is alive; silence is what alarms them.

The call is made only if Prometheus, Alertmanager and web answer, and the Watchdog has come all the way through lately.
"""

from __future__ import annotations

from monitor import clock
from monitor.settings import Settings, read_secret
from monitor.sources.alertmanager import why_untaken
from monitor.store import Store
from monitor.work.alarm import dead_links, limits_of
from monitor.work.alert_path import why_silent
from telemetry import logs

log = logs.get_logger()


def beat(settings: Settings, store: Store) -> str:
    """Call the heartbeat URL if the chain is alive; returns why it was not called, or empty.

    Raises:
        SettingsError: the file with the URL cannot be read.
    """
    url = read_secret(settings.heartbeat_url_file, "heartbeat_url")
    silent = why_silent(store.get("watchdog", "latest"), clock.now(), limits_of(settings))
    broken = silent or next((f"{link} {reason}" for link, reason in dead_links(settings).items()), "")
    if broken:
        return f"not sent: {broken}"
    failure = why_untaken(url)
    if failure:
        # The URL is a secret: it is not named.
        log.warning("work.heartbeat_failed")
        return f"the heartbeat's receiver {failure}"
    return ""
