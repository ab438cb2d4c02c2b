"""Lint of Grafana dashboards: what Grafana's own dashboard-linter asks for, and what it does not look at. Pure.

Each rule is a function that says what is wrong in words; its code is stable. ``dashboard_queries`` has those about
PromQL. Works on any dashboard's JSON, ours or not; which metrics are known is what the catalogue declares.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from monitor.catalogue import durations
from monitor.catalogue.model import Catalogue
from monitor.check.alert_panels import without_panel
from monitor.check.dashboard_files import DashboardFile, asked, choice, read, targets
from monitor.check.dashboard_layout import Known, grid, links, named, numbers
from monitor.check.dashboard_queries import query_problems, used_variables
from monitor.check.dashboard_values import limits, times, undefined
from monitor.check.finding import Finding, finding
from monitor.check.problem import Problem
from monitor.check.series import Declared
from monitor.render import carried
from monitor.render.dashboards_window import FINEST, span_of

MOST_QUERIES = 12
"""Asked as soon as a dashboard is opened, and at every refresh; the rest belongs into collapsed rows."""

SHORTEST_DESCRIPTION = 40
"""Shorter ones repeat the title."""

OLDEST_SCHEMA = 36
"""Grafana 9; older ones are of plugins that are gone."""

GONE = frozenset({"graph", "singlestat", "table-old", "grafana-piechart-panel", "heatmap-old"})
"""Angular panels, which Grafana 12 does not draw."""

REDUCED = frozenset({"stat", "gauge", "bargauge"})
"""Panels that show one value of many."""

MIXED = frozenset({"-- Mixed --", "-- Dashboard --", "-- Grafana --"})
"""What Grafana calls sources that are none."""


def dashboard_findings(
    catalogue: Catalogue, files: Mapping[str, str], runbooks: Mapping[str, str] | None = None
) -> tuple[Finding, ...]:
    """Everything that is wrong with dashboards, by path -> JSON; ``runbooks`` are the pages that links may lead to."""
    found = [read(path, text) for path, text in sorted(files.items())]
    boards = [one for one in found if isinstance(one, DashboardFile)]
    uids = Counter(board.uid for board in boards)
    known = Known(
        declared=Declared(catalogue),
        metrics=carried.declared(catalogue),
        uids=frozenset(uids),
        runbooks=None if runbooks is None else frozenset(runbooks),
        runbook_url=catalogue.environment.runbook_url.rstrip("/"),
    )
    problems = {one for one in found if isinstance(one, Finding)}
    # Which uid an unreadable file would have had is not known; ours are called by it.
    unread = {PurePosixPath(one.file).stem for one in problems}
    for board in boards:
        if uids[board.uid] > 1:
            problems.add(
                finding(board.place, "duplicate-uid", f"uid {board.uid!r} is another's too", "give it its own")
            )
        problems |= {finding(board.place, *problem) for rule in RULES for problem in rule(board, known)}
    return tuple(sorted(problems | set(_meanings(boards)) | set(without_panel(catalogue, boards, unread))))


def _meanings(boards: Sequence[DashboardFile]) -> Iterator[Finding]:
    """Variables called alike that mean different things: a link carries the choice to where nothing has it."""
    first: dict[str, tuple[str, str]] = {}
    for board in boards:
        for variable in board.variables():
            name, label = str(variable.get("name")), str(variable.get("label") or "")
            where, meant = first.setdefault(name, (board.uid, label))
            if label and meant and label != meant:
                message = f"${name} is {label!r} here and {meant!r} on {where}: a link from there shows nothing"
                yield finding(board.place, "two-meanings", message, "give each meaning a name of its own")


def _shell(board: DashboardFile, _: Known) -> Iterator[Problem]:
    body = board.body
    if not board.uid:
        yield "no-uid", "has no uid: links to it break when it is imported again", "give it one that stays"
    if body.get("editable") is not False:
        yield "editable", "can be edited in the browser, where the next provisioning undoes it", "set editable to false"
    if not isinstance(body.get("schemaVersion"), int) or body["schemaVersion"] < OLDEST_SCHEMA:
        yield "old-schema", f"schemaVersion is below {OLDEST_SCHEMA}", "open and export it in a current Grafana"
    if not any(
        link.get("type") == "dashboards" and link.get("keepTime") and link.get("includeVars")
        for link in body.get("links") or []
    ):
        remedy = "add a link of type dashboards with keepTime and includeVars"
        yield "no-way-on", "leads to no other dashboard with the same time and variables", remedy
    links = [*(body.get("links") or []), *(link for panel in board.panels() for link in panel.get("links") or [])]
    if any("placement" in one for one in [*links, *board.annotations()]):
        yield "sdk-placement", "links or annotations are moved into the controls menu", "remove the key placement"


def _datasource(board: DashboardFile, _: Known) -> Iterator[Problem]:
    sources = [one for one in board.variables() if one.get("type") == "datasource"]
    metrics = [one for one in sources if one.get("query") == "prometheus"]
    if [(one.get("name"), one.get("label")) for one in metrics] != [("datasource", "Data Source")]:
        remedy = 'have one variable "datasource" of type prometheus, with the label "Data Source"'
        yield "template-datasource", "has not exactly one data source to choose", remedy
    places: list[tuple[str, dict[str, Any]]] = [(f"panel {named(panel)}", panel) for panel in board.panels()]
    places += [(f"a query of {named(panel)}", target) for panel in board.panels() for target in targets(panel)]
    places += [(f"variable {one.get('name')}", one) for one in board.variables() if one.get("type") == "query"]
    places += [(f"annotation {one.get('name')}", one) for one in board.annotations()]
    chosen = {"${datasource}", "$datasource"} | {f"${{{one.get('name')}}}" for one in sources}
    for name, place in places:
        source = place.get("datasource")
        if (source.get("uid") if isinstance(source, dict) else source) not in chosen | MIXED:
            yield "fixed-datasource", f"{name} asks a fixed data source", 'ask "${datasource}"'


def _variables(board: DashboardFile, _: Known) -> Iterator[Problem]:
    used = {name for one in asked(board) if one.kind != "variable" for name in used_variables(one.expr)}
    used |= {name for one in board.variables() for name in used_variables(json.dumps(one.get("query")))}
    used |= {str(panel.get("repeat")) for panel in [*board.panels(), *board.rows()]}
    for variable in board.variables():
        name = str(variable.get("name"))
        if variable.get("type") != "query":
            continue
        if name not in used:
            yield "unused-variable", f"nothing depends on ${name}", "use it in a query, or remove it"
        if not variable.get("label"):
            yield "unnamed-variable", f"${name} has no label", "say what is chosen"
        if not (variable.get("includeAll") and variable.get("multi") and variable.get("allValue")):
            remedy = "set multi, includeAll, and allValue to .+"
            yield "template-all", f"of ${name} not all and not several can be chosen", remedy
        if variable.get("refresh") != 2:  # noqa: PLR2004  # Grafana's number for it
            yield "template-refresh", f"${name} is not read anew when the time range changes", "set refresh to 2"
        if choice(variable) is None:
            yield (
                "template-query",
                f"${name} does not name the metric it is read from",
                "use label_values(metric, label)",
            )


def _words(board: DashboardFile, _: Known) -> Iterator[Problem]:
    for panel in board.panels():
        name, defaults = named(panel), _defaults(panel)
        if not panel.get("title"):
            yield "no-title", f"panel {panel.get('id')} has no title", "ask what it answers"
        if len(str(panel.get("description") or "")) < SHORTEST_DESCRIPTION:
            remedy = "say what it shows, which value is good, and what to do"
            yield "no-description", f"{name} is described in fewer than {SHORTEST_DESCRIPTION} characters", remedy
        if not defaults.get("unit"):
            yield "no-unit", f"{name} has no unit", 'set one; "none" for what has none'
        if not panel.get("links"):
            yield "no-link", f"{name} leads nowhere", "link the runbook of its alert, or the next dashboard"
        if panel.get("empty_until") and not defaults.get("noValue"):
            yield "says-nothing", f"{name} may be empty and does not say why", "set noValue"


def _kinds(board: DashboardFile, _: Known) -> Iterator[Problem]:
    for panel in board.panels():
        name, defaults = named(panel), _defaults(panel)
        if not list(targets(panel)):
            yield "no-query", f"{name} asks for nothing", "give it a query, or remove it"
        if panel.get("type") in GONE:
            yield "gone-panel", f"{name} is of a type that Grafana 12 does not draw", "use timeseries, stat or table"
        steps = (defaults.get("thresholds") or {}).get("steps") or [{}]
        if steps[0].get("value") is not None:
            yield "bad-thresholds", f"the first threshold of {name} has a value", "leave out the first one's value"
        reduced = ((panel.get("options") or {}).get("reduceOptions") or {}).get("calcs")
        if panel.get("type") in REDUCED and not reduced:
            yield "no-reduction", f"{name} shows the last value, null included", 'set calcs to ["lastNotNull"]'


def _cost(board: DashboardFile, _: Known) -> Iterator[Problem]:
    shown = sum(1 for one in asked(board) if one.kind == "panel" and one.shown)
    if shown > MOST_QUERIES:
        message = f"{shown} queries are asked as soon as it is opened; {MOST_QUERIES} are enough for a first look"
        yield "too-many-queries", message, "move details into a collapsed row"


def _points(board: DashboardFile, _: Known) -> Iterator[Problem]:
    span = span_of(board.span)
    steps = [(f"annotation {mark.get('name')}", mark.get("step")) for mark in board.annotations()]
    steps += [(named(panel), one.get("interval")) for panel in board.panels() for one in targets(panel)]
    for name, step in steps:
        length = _duration(step)
        if length and span / length > FINEST:
            message = f"{name} asks for {span / length:.0f} points; Prometheus refuses more than {FINEST}"
            yield (
                "too-many-points",
                message,
                "leave the step out: Grafana chooses one, but newer ones take yours as it is",
            )


def _duration(step: Any) -> timedelta | None:
    try:
        return durations.parse(step) if isinstance(step, str) and not step.startswith("$") else None
    except ValueError:
        return None


def _queries(board: DashboardFile, known: Known) -> Iterator[Problem]:
    kinds = {(named(panel), target["expr"]): (panel, target) for panel in board.panels() for target in targets(panel)}
    for (name, _), (panel, target) in kinds.items():
        for code, message, remedy in query_problems(board.place, panel, target, known):
            yield code, f"{name}: {message}", remedy
    for one in asked(board):
        if one.kind != "panel":
            for code, message, remedy in query_problems(board.place, {}, {"expr": one.expr}, known):
                yield code, f"{one.kind} {one.title}: {message}", remedy


RULES: tuple[Callable[[DashboardFile, Known], Iterator[Problem]], ...] = (
    _shell,
    _datasource,
    _variables,
    _words,
    _kinds,
    numbers,
    grid,
    links,
    undefined,
    limits,
    times,
    _cost,
    _points,
    _queries,
)


def _defaults(panel: dict[str, Any]) -> dict[str, Any]:
    return (panel.get("fieldConfig") or {}).get("defaults") or {}
