"""What is marked on every graph, and with which query: all from Prometheus, so no token of Grafana is needed. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A kind of event; it goes on for as long as ``expr`` has a sample, or happened when that began (``moment``).

    ``text`` is Grafana's ``{{label}}`` form. Grafana looks at the ends of its steps only, which grow with the time
    that is shown: each query looks back over a whole one (``$__interval``). No step is set, for Grafana 13 takes one as
    it is, and Prometheus refuses a month of half minutes.
    """

    name: str
    expr: str
    text: str
    colour: str
    moment: bool = False


BACKUP = Mark(
    name="Backup",
    # Younger than a step and what a scrape takes: one mark for each, however far one looks.
    expr="time() - max by (type) (dr_backup_last_success_timestamp_seconds) < 60 + $__interval_ms / 1000",
    text="{{type}} backup finished",
    colour="super-light-blue",
    moment=True,
)

_PAGE = 'ALERTS{alertstate="firing",severity="critical"}'

MARKS = (
    Mark(
        name="Drill",
        # Of minutes, where a step of a month's graph is half an hour; what runs now counts where scrapes are rarer.
        expr="max by (drill) (max_over_time(dr_drill_running[$__interval]) or dr_drill_running) == 1",
        text="Drill {{drill}}",
        colour="purple",
    ),
    Mark(
        name="Page",
        expr=f"max by (alertname, slo) (last_over_time({_PAGE}[$__interval]) or {_PAGE})",
        text="{{alertname}} {{slo}}",
        colour="red",
    ),
    Mark(
        name="Deploy",
        # Five minutes without any app of a version are a restart of all of them; longer, it came anew.
        expr="count by (version) (app_build_info)"
        " unless count by (version) (count_over_time(app_build_info[5m] offset $__interval))",
        text="Version {{version}}",
        colour="blue",
        moment=True,
    ),
    BACKUP,
)
