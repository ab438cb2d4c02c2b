"""One panel's body: a drawing with its legend, a figure, a table, or the words that nothing is known. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from urllib.parse import quote

from markupsafe import Markup

from monitor.render import chart_svg, chart_units
from monitor.render.chart_model import Answer, Event, Line, Look, colour_of, named, series_colour, series_dashes
from monitor.render.chart_scale import Window
from monitor.render.dashboards_model import Panel
from monitor.render.dashboards_style import Unit

COLUMN_PX, LINE_PX = 58, 30
"""What a column and a line of the grid measure on a wide screen."""

MOST_NAMED = 14
"""Series beyond so many are drawn and not named; the highest are."""

_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")

Answers = Sequence[Sequence[Answer]]
"""What each of a panel's queries was answered, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What all panels of a page share."""

    window: Window
    events: Sequence[Event]
    zone: tzinfo
    runbook_url: str
    """Base of runbooks; the name of an alert is appended."""


def body(panel: Panel, answers: Answers, scene: Scene, courses: Answers = ()) -> Markup:
    """What stands below a panel's title; ``courses`` are how a figure's answers came to be."""
    if not any(answer.last is not None for one in answers for answer in one):
        return Markup('<p class="nothing">{}</p>').format(panel.nothing or "No data: nothing is known.")
    if panel.kind == "table":
        return _table(panel, answers, scene)
    if panel.kind == "stat":
        return _stat(panel, lines_of(panel, answers), lines_of(panel, courses or answers), scene.window)
    if panel.kind == "bars":
        return _bars(panel, lines_of(panel, answers))
    return _drawn(panel, answers, scene)


def _drawn(panel: Panel, answers: Answers, scene: Scene) -> Markup:
    look = look_of(panel)
    if panel.kind == "heatmap":
        buckets = [(_edge(answer), Line(name="", points=answer.points)) for one in answers for answer in one]
        return _framed(chart_svg.heatmap(buckets, scene.window, look, scene.zone))
    lines = [line for line in lines_of(panel, answers) if line.last is not None]
    if panel.kind == "timeline":
        return _framed(chart_svg.timeline(lines, scene.window, look, scene.zone))
    return _framed(chart_svg.graph(lines, scene.window, look, scene.events, scene.zone)) + _legend(lines, look)


def look_of(panel: Panel) -> Look:
    """How a panel's values are shown."""
    width, height = panel.size
    return Look(
        title=panel.title,
        unit=panel.unit,
        steps=panel.steps,
        draw_thresholds=panel.draw_thresholds,
        minimum=panel.minimum,
        maximum=panel.maximum,
        decimals=panel.decimals,
        stacked=panel.stacked,
        says={float(said.value): (said.text, named(said.colour or "text")) for said in panel.says},
        width=width * COLUMN_PX,
        height=(height - 2) * LINE_PX,
    )


def lines_of(panel: Panel, answers: Answers) -> list[Line]:
    """The series of all queries, called as the panel says, sorted by name within each query."""
    found: list[Line] = []
    for query, one in zip(panel.queries, answers, strict=True):
        lines = [
            Line(name=(name := name_of(answer.labels, query.name)), points=answer.points, colour=_own(panel, name))
            for answer in one
        ]
        found += sorted(lines, key=lambda line: line.name)
    return found


def name_of(labels: Mapping[str, str], template: str) -> str:
    """A series' name in Grafana's form; without one, its labels."""
    if not template:
        return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return _LABEL.sub(lambda found: labels.get(found[1], ""), template).strip()


def _own(panel: Panel, name: str) -> str:
    return panel.colours.get(name, "")


def _edge(answer: Answer) -> float:
    return float(answer.labels.get("le", "inf").replace("+Inf", "inf"))


def _framed(drawing: Markup) -> Markup:
    return Markup('<div class="drawing">{}</div>').format(drawing)


def _stat(panel: Panel, lines: Sequence[Line], courses: Sequence[Line], window: Window) -> Markup:
    line = next(line for line in lines if line.last is not None)
    course = next((course for course in courses if course.last is not None), line)
    value = line.last or 0.0
    colour = colour_of(value, panel.steps)
    said = {float(one.value): one.text for one in panel.says}
    shown = said.get(value) or chart_units.text(value, panel.unit, panel.decimals)
    figure = Markup('<p class="big t-{}">{}</p>').format(colour, shown)
    if panel.says:
        return figure
    width, _ = panel.size
    look = Look(
        title=f"Course of: {panel.title}", unit=panel.unit, minimum=panel.minimum, width=width * COLUMN_PX, height=36
    )
    return figure + chart_svg.sparkline(course, window, look, colour)


def _bars(panel: Panel, lines: Sequence[Line]) -> Markup:
    known = [(line, value) for line in lines if (value := line.last) is not None]
    order = panel.queries[0].expr.partition("(")[0]
    if order in {"sort", "sort_desc"}:
        known.sort(key=lambda one: one[1], reverse=order == "sort_desc")
    most = panel.maximum or max([abs(value) for _, value in known] or [1.0]) or 1.0
    rows = Markup("").join(
        Markup("<tr><td>{}</td><td>{}</td><td class=number><b class=t-{}>{}</b></td></tr>").format(
            line.name,
            _bar(max(0.0, min(1.0, value / most)), colour_of(value, panel.steps)),
            colour_of(value, panel.steps),
            chart_units.text(value, panel.unit, panel.decimals),
        )
        for line, value in known
    )
    return Markup('<div class="scroll"><table class="bars">{}</table></div>').format(rows)


def _bar(share: float, colour: str) -> Markup:
    paint = "calm" if colour == "plain" else colour
    return Markup(
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="10"/><rect class="f-{}" width="{:.1f}" height="10"/></svg>'
    ).format(paint, share * 100)


def _legend(lines: Sequence[Line], look: Look) -> Markup:
    ranked = (
        sorted(enumerate(lines), key=lambda one: -(one[1].last or 0.0))
        if len(lines) > MOST_NAMED
        else [*enumerate(lines)]
    )
    items = Markup("").join(
        Markup("<li>{}{} <b>{}</b></li>").format(_key(line, number), line.name, _last(line, look))
        for number, line in ranked[:MOST_NAMED]
    )
    beyond = len(lines) - MOST_NAMED
    more = Markup("<li>and {} more</li>").format(beyond) if beyond > 0 else Markup("")
    return Markup('<ul class="legend">{}{}</ul>').format(items, more)


def _last(line: Line, look: Look) -> str:
    return chart_units.NOT_KNOWN if line.last is None else chart_units.text(line.last, look.unit, look.decimals)


def _key(line: Line, number: int) -> Markup:
    colour, dashes = series_colour(line, number), series_dashes(line, number)
    paint = Markup('stroke="{}"').format(colour) if colour.startswith("#") else Markup('class="l-{}"').format(colour)
    return Markup(
        '<svg viewBox="0 0 18 10" aria-hidden="true"><line {} stroke-width="3" stroke-dasharray="{}" '
        'x1="0" y1="5" x2="18" y2="5"/></svg>'
    ).format(paint, dashes or "none")


def _table(panel: Panel, answers: Answers, scene: Scene) -> Markup:
    head = Markup("").join(
        Markup("<th{}>{}</th>").format(_numeric(column), heading) for column, heading in panel.columns.items()
    )
    rows = Markup("").join(Markup("<tr>{}</tr>").format(_cells(panel, row, scene)) for row in _rows(panel, answers))
    return Markup('<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>').format(
        head, rows
    )


def _rows(panel: Panel, answers: Answers) -> Iterator[dict[str, str | float]]:
    """Answers of all queries side by side, joined by the labels that are shown."""
    keys = [column for column in panel.columns if not column.startswith("Value")]
    rows: dict[tuple[str, ...], dict[str, str | float]] = {}
    for letter, one in zip("ABCDEFGH", answers, strict=False):
        for answer in one:
            key = tuple(answer.labels.get(name, "") for name in keys)
            row = rows.setdefault(key, dict(zip(keys, key, strict=True)))
            if answer.last is not None:
                row[f"Value #{letter}"] = answer.last
    by = next((column for column, heading in panel.columns.items() if heading == panel.sorted_by), "")

    def place(key: tuple[str, ...]) -> tuple[float, tuple[str, ...]]:
        value = rows[key].get(by)
        return (value if isinstance(value, float) else 0.0, key)

    yield from (rows[key] for key in sorted(rows, key=place))


def _cells(panel: Panel, row: Mapping[str, str | float], scene: Scene) -> Markup:
    cells = Markup("")
    for column, heading in panel.columns.items():
        value = row.get(column, "")
        unit: Unit = panel.column_units.get(heading, "none")
        if isinstance(value, float):
            steps = panel.column_steps.get(heading)
            colour = colour_of(value, steps) if steps else "plain"
            shown = chart_units.text(value, unit, panel.decimals)
            cells += Markup("<td class=number><span class=t-{}>{}</span></td>").format(colour, shown)
        elif heading == panel.runbook_column and value:
            address = f"{scene.runbook_url}/{quote(str(value), safe='')}"
            cells += Markup('<td><a href="{}">{}</a></td>').format(address, value)
        else:
            cells += Markup("<td{}>{}</td>").format(_numeric(column), value)
    return cells


def _numeric(column: str) -> Markup:
    return Markup(" class=number") if column.startswith("Value") else Markup("")
