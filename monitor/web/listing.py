"""What a list of alerts says of each: what tells it from others, who took it, whether it is kept quiet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.store import Store
from monitor.store_actions import Actions
from monitor.store_alerts import AlertRecord
from monitor.store_suppressed import Suppressions
from monitor.web import words

TELLING = (
    *("slo", "job", "instance", "exported_job", "replset", "member", "device", "mountpoint"),
    *("cluster", "namespace", "node", "host", "pod", "container", "backend", "proxy", "name"),
)
"""Labels that tell an alert from others of its name: ours, and those of Kubernetes and common exporters."""

LONGEST_LABEL = 80
"""Characters of a label in a list; the alert's own page shows it whole."""

QUIET = timedelta(minutes=2)
"""What Alertmanager keeps back is looked at each minute; what was not seen at two looks is heard again."""

Episode = tuple[str, datetime]
"""What tells one episode of an alert from another: its fingerprint and its start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a list says of an alert that fires: who took it, and whether Alertmanager keeps it quiet."""

    taken_by: str
    quiet: bool


def marks(store: Store, now: datetime) -> dict[Episode, Mark]:
    """Who took the alerts that fire, and which of them are kept quiet; those of which there is nothing to say, not."""
    takers, quiet = Actions(store).takers(), Suppressions(store).firing(now - QUIET)
    return {
        episode: Mark(taken_by=words.takers(takers.get(episode, ())), quiet=episode in quiet)
        for episode in takers.keys() | quiet
    }


def telling(alert: AlertRecord) -> str:
    """What tells an alert from others of its name."""
    found = ((name, alert.labels.get(name, "")) for name in TELLING)
    return ", ".join(f"{name} {words.shortened(value, LONGEST_LABEL)}" for name, value in found if value)


def some_of_each(alerts: Sequence[AlertRecord], most: int) -> tuple[AlertRecord, ...]:
    """At most so many alerts, in their order: first one of every name, then a second. Hundreds of one hide no other."""
    seen: Counter[str] = Counter()
    turns = []
    for place, alert in enumerate(alerts):
        name = alert.labels.get("alertname", "")
        turns.append((seen[name], place))
        seen[name] += 1
    return tuple(alerts[place] for place in sorted(place for _, place in sorted(turns)[:most]))
