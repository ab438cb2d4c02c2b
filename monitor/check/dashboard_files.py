"""Reads Grafana's dashboard JSON, whoever wrote it: panels, queries, variables, annotations. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from monitor.catalogue.model import Place
from monitor.check.dashboard_shape import BOARD, misfits
from monitor.check.finding import Finding, finding
from monitor.render.dashboards_promql import replaced

TEXTS = frozenset({"text", "row"})
"""Panels that ask for nothing."""

_CHOICES = re.compile(r"label_values\(\s*(?:(?P<selector>.+?)\s*,\s*)?(?P<label>\w+)\s*\)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One query of a dashboard, as it is written there. ``kind`` says what it is for."""

    board: str
    title: str
    expr: str
    kind: str
    """``panel``, ``annotation`` or ``variable``."""
    instant: bool = False
    shown: bool = True
    """Whether it is asked as soon as the dashboard is opened."""
    empty_until: str = ""
    points: int = 0
    """How many the panel asks for at most; 0 where its width decides."""

    def __str__(self) -> str:
        """For people."""
        return f"{self.board} / {self.title} / {self.expr}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardFile:
    """One file, read. ``body`` is the JSON."""

    place: Place
    body: dict[str, Any] = field(hash=False)

    @property
    def uid(self) -> str:
        """What links name it by."""
        return str(self.body.get("uid") or "")

    @property
    def span(self) -> str:
        """How far back it opens."""
        return str(_dict(self.body.get("time")).get("from") or "now-6h")

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows."""
        yield from (panel for panel in _dicts(self.body.get("panels")) if panel.get("type") == "row")

    def panels(self, *, shown_only: bool = False) -> Iterator[dict[str, Any]]:
        """All panels but rows and texts; those inside collapsed rows too, unless only those shown are asked for."""
        for panel in _dicts(self.body.get("panels")):
            if panel.get("type") not in TEXTS:
                yield panel
            elif panel.get("type") == "row" and not shown_only:
                yield from (inner for inner in _dicts(panel.get("panels")) if inner.get("type") not in TEXTS)

    def variables(self) -> Iterator[dict[str, Any]]:
        """What the reader chooses."""
        yield from _dicts(_dict(self.body.get("templating")).get("list"))

    def annotations(self) -> Iterator[dict[str, Any]]:
        """What is marked on graphs; Grafana's own are left out."""
        marks = _dicts(_dict(self.body.get("annotations")).get("list"))
        yield from (mark for mark in marks if not mark.get("builtIn"))


def read(path: str, text: str) -> DashboardFile | Finding:
    """Read a file; one that is no dashboard is a finding."""
    place = Place(file=path, line=0)
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        return finding(place, "no-dashboard", f"is not JSON ({error})", "export it from Grafana again, or generate it")
    if not isinstance(body, dict) or not isinstance(body.get("panels"), list):
        return finding(place, "no-dashboard", "holds no panels", "give the dashboard's own JSON, not Grafana's answer")
    for misfit in misfits(body, BOARD):
        return finding(place, "no-dashboard", misfit, "export it from Grafana again, or generate it")
    return DashboardFile(place=place, body=body)


def asked(file: DashboardFile) -> Iterator[Asked]:
    """Every query: of panels, annotations and variables."""
    shown = [id(panel) for panel in file.panels(shown_only=True)]
    for panel in file.panels():
        for target in targets(panel):
            yield Asked(
                board=file.uid,
                title=str(panel.get("title", "")),
                expr=str(target["expr"]),
                kind="panel",
                instant=bool(target.get("instant")),
                shown=id(panel) in shown,
                empty_until=str(panel.get("empty_until") or ""),
                points=int(panel.get("maxDataPoints") or 0),
            )
    for mark in file.annotations():
        if mark.get("expr"):
            yield Asked(board=file.uid, title=str(mark.get("name")), expr=str(mark["expr"]), kind="annotation")
    for variable in file.variables():
        if choices := choice(variable):
            selector, label = choices
            yield Asked(
                board=file.uid,
                title=f"${variable.get('name')}",
                expr=f"group by ({label}) ({selector})",
                kind="variable",
                instant=True,
                empty_until=str(variable.get("empty_until") or ""),
            )


def targets(panel: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A panel's queries in PromQL; those that another kind of source is asked (Loki) are left out."""
    for target in _dicts(panel.get("targets")):
        if target.get("expr") and _kind(target.get("datasource") or panel.get("datasource")) in {"", "prometheus"}:
            yield target


def _kind(source: Any) -> str:
    """Of which kind a data source is said to be."""
    return str(_dict(source).get("type") or "")


def choice(variable: dict[str, Any]) -> tuple[str, str] | None:
    """The selector and the label whose values can be chosen; ``None`` where it is no such variable."""
    query = variable.get("query")
    text = query.get("query", "") if isinstance(query, dict) else query
    found = _CHOICES.fullmatch(str(text or "").strip()) if variable.get("type") == "query" else None
    if found is None or found["selector"] is None:
        return None
    return replaced(found["selector"]), found["label"]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
