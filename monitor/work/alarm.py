"""Raises the alarm by the second channel when alerts cannot arrive, tells it again with growing pauses, and its end.

What is remembered is in the store, so that a restart of this process neither repeats a message nor forgets an outage.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cattrs import Converter

from monitor import clock
from monitor.catalogue.model import Catalogue
from monitor.errors import MonitorError
from monitor.settings import Settings
from monitor.sources.alertmanager import why_dead
from monitor.sources.prometheus import connect
from monitor.sources.second_channel import Channel, Delivery
from monitor.store import Store
from monitor.work import alert_path
from monitor.work.alert_path import Limits, Look, Path

PATIENCE_S = 3.0
"""A link that takes longer than this to say that it is ready does not answer."""

FIRING = 'ALERTS{alertstate="firing",severity="critical"}'
FAILING = 'ALERTS{alertname="AlertmanagerNotificationsFailing",alertstate="firing",integration!="webhook"}'
"""A pager, a chat or mail that refuses what it is sent: the alert that says so would go by it as well. The way to the
console is the Watchdog's, which notices sooner."""
UNDELIVERED = "cannot deliver by"

PATH_ID, CHANNEL_ID = "path", "second-channel"
"""Beside the newest Watchdog, as records of its kind."""

_converter = Converter()
_converter.register_unstructure_hook(datetime, clock.to_rfc3339)
_converter.register_structure_hook(datetime, lambda text, _: clock.from_rfc3339(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """How a look went: empty ``broken`` where alerts arrive, empty ``untold`` where all who had to be told were."""

    broken: str
    untold: str


def limits_of(settings: Settings) -> Limits:
    """Return the limits that the settings ask for."""
    return Limits(silent=timedelta(seconds=settings.watchdog_limit_s))


def dead_links(settings: Settings) -> dict[str, str]:
    """Ask each link of the way whether it is there; what is wrong with those that are not."""
    links = (
        ("Prometheus", settings.prometheus_url),
        ("Alertmanager", settings.alertmanager_url),
        ("web", settings.web_address),
    )
    asked = ((name, why_dead(f"{url.rstrip('/')}/-/ready", timeout_s=PATIENCE_S)) for name, url in links)
    return {name: reason for name, reason in asked if reason}


def undelivered(settings: Settings) -> dict[str, str]:
    """Ask Prometheus whether Alertmanager reaches those whom it is to wake; nothing where it cannot say."""
    try:
        with connect(settings, timeout_s=PATIENCE_S) as prometheus:
            ways = sorted({sample.labels.get("integration", "") for sample in prometheus.instant(FAILING)})
    except MonitorError:
        return {}
    return {"Alertmanager": f"{UNDELIVERED} {', '.join(ways)}"} if ways else {}


def watch(settings: Settings, catalogue: Catalogue, store: Store, channel: Channel) -> Watched:
    """Look once, and tell who has to be told."""
    limits = limits_of(settings)
    dead = dead_links(settings) or undelivered(settings)
    seen = Look(at=clock.now(), dead=dead, watchdog=store.get("watchdog", "latest"))
    path = alert_path.look(remembered(store) or alert_path.first(seen.at), seen, limits)
    untold = ""
    if alert_path.is_over(path, limits):
        # Who was never told that it began need not hear that it is over.
        told = path.told == 0
        if not told:
            delivery, untold = _tell(channel, store, *_ended(path, catalogue), resolved=True)
            told = delivery.reached
        path = alert_path.after_the_end(path) if told else path
    elif path.broken_since is not None:
        criticals = _criticals(settings)
        if alert_path.is_due(path, criticals or ()):
            delivery, untold = _tell(channel, store, *_broken(path, criticals, catalogue))
            path = alert_path.after_telling(path, criticals or (), reached=delivery.reached)
    note(store, channel)
    store.put("watchdog", PATH_ID, _converter.unstructure(path), at=seen.at)
    return Watched(broken="; ".join(path.reasons) if path.broken_since else "", untold=untold)


def remembered(store: Store) -> Path | None:
    """Read what the last look left behind."""
    record = store.get("watchdog", PATH_ID)
    return None if record is None else _converter.structure(record.body, Path)


def _criticals(settings: Settings) -> tuple[str, ...] | None:
    """Name the critical alerts that fire in Prometheus, where nobody hears them now; ``None`` where it cannot say."""
    try:
        with connect(settings, timeout_s=PATIENCE_S) as prometheus:
            return tuple(sorted({sample.labels.get("alertname", "") for sample in prometheus.instant(FIRING)}))
    except MonitorError:
        return None


def _broken(path: Path, criticals: tuple[str, ...] | None, catalogue: Catalogue) -> tuple[str, str]:
    if criticals is None:
        firing = "Prometheus does not say which alerts fire: look at the service yourself."
    else:
        firing = f"Critical alerts firing unheard: {', '.join(criticals) or 'none'}."
    environment = catalogue.environment
    since = clock.to_rfc3339(path.broken_since or path.looked_at)
    again = f" This is message {path.told + 1}." if path.told else ""
    partly = all(UNDELIVERED in reason for reason in path.reasons)
    what = "Alerts do not reach whoever hears only by that way" if partly else "No alert reaches anybody"
    runbook = "AlertmanagerNotificationsFailing" if partly else "Watchdog"
    body = (
        f"{what} (environment {environment.name}), noticed at {since}.{again}\n"
        f"Broken: {'; '.join(path.reasons)}.\n"
        f"{firing}\n"
        f"What to do: {environment.runbook_url.rstrip('/')}/{runbook}\n"
    )
    return f"Alerts do not arrive: {path.reasons[0]}", body


def _ended(path: Path, catalogue: Catalogue) -> tuple[str, str]:
    lasted = clock.humanize((path.whole_since or path.looked_at) - (path.broken_since or path.looked_at))
    body = (
        f"The way of alerts is whole again (environment {catalogue.environment.name}); "
        f"it was broken for {lasted}.\n"
        f"What fired meanwhile: {catalogue.environment.console_url.rstrip('/')}/alerts\n"
    )
    return "Alerts arrive again", body


def _tell(channel: Channel, store: Store, title: str, body: str, *, resolved: bool = False) -> tuple[Delivery, str]:
    delivery = channel.tell(title, body, resolved=resolved)
    note(store, channel, delivery)
    numbers = ", ".join(str(number) for number in delivery.failed)
    return delivery, f"the second channel's address {numbers} did not take the message" if delivery.failed else ""


def note(store: Store, channel: Channel, delivery: Delivery | None = None) -> None:
    """Remember how many addresses there are, when a message was last taken, and when one was last not."""
    record = store.get("watchdog", CHANNEL_ID)
    at = clock.to_rfc3339(clock.now())
    body: dict[str, object] = (record.body if record else {}) | {"addresses": len(channel)}
    if delivery is not None:
        body |= ({"sent": at} if delivery.reached else {}) | ({"failed": at} if delivery.failed else {})
    store.put("watchdog", CHANNEL_ID, body)
