"""Where the service runs, and how closely it is watched there. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What differs between places. Times of Alertmanager carry its own names."""

    name: str
    console_url: str
    grafana_url: str = ""
    """Empty: no Grafana is known, so dashboard links open the console."""
    prometheus_url: str = ""
    runbook_url: str
    """Base of runbook links; ``<base>/<AlertName>`` is appended."""
    webhook_url: str
    """Where Alertmanager reaches ``monitor serve``."""
    scrape_interval: timedelta
    evaluation_interval: timedelta
    retention: timedelta
    group_wait: timedelta
    group_interval: timedelta
    repeat_interval: timedelta
    keep_firing_for: timedelta
    prometheus_version: str
    alertmanager_version: str
    rollup_interval: timedelta = timedelta(minutes=1)
    """How finely windows longer than an hour are added up, and how often they are recorded anew."""
    sloth_names: bool = False
    """Whether everything is recorded under Sloth's names as well, for dashboards that were made for it."""
    target_labels: tuple[str, ...] = ()
    """Labels that Prometheus may put on any sample beside job and instance, as relabelling there has it (``namespace``,
    ``pod``): expressions may name them although no producer declares them."""
    armed: bool = False
    """Whether drills may break things here."""
    targets: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """Scrape targets by job, each ``address`` or ``instance=address``: ``{"app": ("app-1=127.0.0.1:8180", ...)}``."""
