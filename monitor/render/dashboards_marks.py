"""What is marked on every graph, and with which query: all from Prometheus, so no token of Grafana is needed. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A kind of event; it goes on for as long as ``expr`` has a sample, or happened when that began (``moment``).

    ``text`` is Grafana's ``{{label}}`` form.
    """

    name: str
    expr: str
    text: str
    colour: str
    moment: bool = False


BACKUP = Mark(
    name="Backup",
    # A minute of two steps: one mark for each backup, whatever its type.
    expr="time() - max by (type) (dr_backup_last_success_timestamp_seconds) < 60",
    text="{{type}} backup finished",
    colour="super-light-blue",
    moment=True,
)

MARKS = (
    Mark(name="Drill", expr="dr_drill_running == 1", text="Drill {{drill}}", colour="purple"),
    Mark(
        name="Page",
        expr='ALERTS{alertstate="firing",severity="critical"}',
        text="{{alertname}} {{slo}}",
        colour="red",
    ),
    Mark(
        name="Deploy",
        expr="count by (version) (app_build_info) unless count by (version) (app_build_info offset 5m)",
        text="Version {{version}}",
        colour="blue",
        moment=True,
    ),
    BACKUP,
)
STEP = "30s"
"""How finely events are looked for."""
