"""A dashboard without Grafana: one HTML page that needs nothing else. Pure: the answers are handed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from monitor.catalogue.model import Catalogue
from monitor.render import dashboard_parts
from monitor.render.chart_model import Answer, Event
from monitor.render.chart_scale import Window
from monitor.render.chart_svg import runs
from monitor.render.dashboard_parts import Scene, name_of
from monitor.render.dashboards import boards
from monitor.render.dashboards_links import Link, alerts_by_panel, links
from monitor.render.dashboards_marks import MARKS, Mark
from monitor.render.dashboards_model import Board, Panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What Prometheus said: by the query as it stands in the board, or in the mark."""

    window: Window
    answers: Mapping[str, Sequence[Answer]]
    """Over the window."""
    now: Mapping[str, Sequence[Answer]]
    """At its end: what figures, bars and tables show."""
    source: str
    """Which Prometheus, for the page's foot."""


def page(board: Board, catalogue: Catalogue, heard: Heard, *, opened: bool = False) -> str:
    """Draw a board; closed rows stay closed unless ``opened``."""
    zone = ZoneInfo(catalogue.recovery.time_zone if catalogue.recovery else "UTC")
    environment = catalogue.environment
    alerts = alerts_by_panel(board, catalogue)
    events = [event for mark in MARKS for event in events_of(mark, heard)]

    scene = Scene(window=heard.window, events=events, zone=zone, runbook_url=environment.runbook_url.rstrip("/"))

    def shown(panel: Panel) -> dict[str, Any]:
        courses = [heard.answers.get(query.expr, ()) for query in panel.queries]
        answers = [heard.now.get(query.expr, ()) for query in panel.queries] if panel.now else courses
        found = dashboard_parts.body(panel, answers, scene, courses)
        width, _ = panel.size
        leads = [_without_grafana(link) for link in links(panel, alerts[panel.title], catalogue)]
        kept = {"title": panel.title, "text": panel.text, "kind": panel.kind, "width": width}
        return kept | {"body": found, "links": leads}

    return (
        _templates()
        .get_template("dashboard.html")
        .render(
            uid=board.uid,
            title=board.title,
            text=board.text,
            owners=", ".join(team.name for team in catalogue.contacts.teams) or "nobody yet",
            since=_moment(heard.window.start, zone),
            until=_moment(heard.window.end, zone),
            zone=zone.key,
            others=boards(catalogue),
            console=environment.console_url.rstrip("/") + "/",
            runbooks=environment.runbook_url.rstrip("/"),
            sections=[
                {
                    "title": section.title,
                    "collapsed": section.collapsed,
                    "panels": [shown(one) for one in section.panels],
                }
                for section in board.sections
            ],
            opened=opened,
            source=heard.source,
            marks=", ".join(f"{event.name}" for event in events[:6]) or "nothing happened",
        )
    )


def events_of(mark: Mark, heard: Heard) -> list[Event]:
    """The events of a kind: samples without a gap are one event."""
    found = []
    for answer in heard.answers.get(mark.expr, ()):
        name = f"{mark.name}: {name_of(answer.labels, mark.text)}"
        for run in runs(answer.points, heard.window):
            end = None if mark.moment else run[-1][0]
            found.append(Event(name=name, start=run[0][0], end=end, colour=mark.colour))
    return found


def _without_grafana(link: Link) -> Link:
    """Links to another dashboard lead to the page beside this one."""
    if not link.same_window:
        return link
    return Link(link.title, f"{link.url.removeprefix('/d/').partition('?')[0]}.html")


def _moment(at: float, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at, zone):%-d %b %Y %H:%M}"


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("monitor.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
