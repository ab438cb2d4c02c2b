"""Our boards and panels in the builders of grafana-foundation-sdk. Imported by ``dashboards_grafana`` when needed.

Builders share what they are given, so each call makes its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, heatmap, stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.builders import dashboard as board_builders
from grafana_foundation_sdk.builders import prometheus as prometheus_builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from monitor.catalogue.model import Catalogue
from monitor.render import dashboards_grafana as ours
from monitor.render.dashboards_links import Link
from monitor.render.dashboards_marks import BACKUP, MARKS, Mark
from monitor.render.dashboards_model import Board, Panel, Query, Variable
from monitor.render.dashboards_promql import ANYTHING
from monitor.render.dashboards_style import PLAIN, Steps
from monitor.render.dashboards_window import FINEST

MOST_BARS = 31
"""Lines of a table that become bars: hours of a day, days of a month."""


def encode(built: object) -> str:
    """The SDK's JSON of a built object."""
    return JSONEncoder(sort_keys=True).encode(built)


def shell(board: Board, catalogue: Catalogue) -> models.Dashboard:
    """The dashboard without its panels: title, variables, annotations, links."""
    environment = catalogue.environment
    builder = (
        board_builders.Dashboard(board.title)
        .uid(board.uid)
        .description(f"{board.text} {ours.GENERATED}")
        .tags([ours.TAG])
        .readonly()
        .refresh("30s")
        .time(board.span, "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(board_builders.DatasourceVariable("datasource").label("Data Source").type("prometheus"))
        .link(_link(Link("Console", environment.console_url.rstrip("/") + "/")))
        .link(_link(Link("Runbooks", environment.runbook_url.rstrip("/"))))
        .link(
            board_builders.DashboardLink("Dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([ours.TAG])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
    )
    for mark in MARKS:
        builder.annotation(_annotation(mark, shown=mark is not BACKUP or board.marks_backups))
    for variable in board.variables:
        builder.with_variable(_variable(variable))
    return builder.build()


def head(content: str, catalogue: Catalogue) -> models.Panel:
    """The text at the top."""
    index = Link("Runbooks", catalogue.environment.runbook_url.rstrip("/"))
    built: models.Panel = (
        text.Panel()
        .title("What does this page answer?")
        .description("What this dashboard is good for, who owns it, and where to go from here.")
        .mode(TextMode.MARKDOWN)
        .content(content)
        .datasource(_datasource())
        .targets([])
        .unit("none")
        .thresholds(_thresholds(PLAIN))
        .links([_link(index)])
        .build()
    )
    return built


def panel(panel: Panel, links: Sequence[Link], catalogue: Catalogue) -> models.Panel:
    """One panel; its place and id are given later."""
    builder = _KINDS[panel.kind](panel)
    builder.title(panel.title).description(panel.text).unit(panel.unit).datasource(_datasource())
    builder.links([_link(link) for link in links])
    builder.thresholds(_thresholds(panel.steps))
    if panel.minimum is not None and panel.kind != "table":
        builder.min(panel.minimum)
    if panel.maximum is not None:
        builder.max(panel.maximum)
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    if panel.nothing:
        builder.no_value(panel.nothing)
    if panel.says:
        builder.mappings([models.ValueMap(options=_said(panel))])
    for name, colour in panel.colours.items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        builder.override_by_name(name, [models.DynamicConfigValue(id_val="color", value=fixed)])
    if panel.runbook_column:
        builder.override_by_name(panel.runbook_column, [_to_runbooks(catalogue)])
    for query in panel.queries:
        builder.with_target(_target(panel, query))
    if panel.now:
        # By the panel's width a rate "now" would be the mean of five hours where a month is looked at.
        builder.max_data_points(FINEST)
    built: models.Panel = builder.build()
    return built


def _stat(_: Panel) -> Any:
    return (
        stat.Panel()
        .reduce_options(_last())
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.NONE)
    )


def _graph(panel: Panel) -> Any:
    builder = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(60 if panel.stacked else 8)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(_legend(shown=True))
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
    )
    if panel.stacked:
        builder.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if panel.draw_thresholds:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        builder.thresholds_style(style)
    return builder


def _timeline(_: Panel) -> Any:
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(common_models.VisibilityMode.AUTO)
        .row_height(0.85)
        .legend(_legend(shown=False))
    )


def _heatmap(panel: Panel) -> Any:
    return (
        heatmap.Panel()
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(panel.unit))
        .color(heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Blues").steps(64))
    )


def _bars(panel: Panel) -> Any:
    builder = (
        bargauge.Panel()
        .reduce_options(_last())
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
    )
    if panel.bars_by:
        # Prometheus orders by value only: so the answer becomes a table, and each of its lines a bar.
        names = [panel.bars_by, "Value"]
        builder.reduce_options(_last().values(True).limit(MOST_BARS))
        builder.with_transformation(_transformation("filterFieldsByName", {"include": {"names": names}}))
        builder.with_transformation(_transformation("sortBy", {"sort": [{"field": panel.bars_by}]}))
    return builder


def _table(panel: Panel) -> Any:
    order = {name: number for number, name in enumerate(panel.columns)}
    builder = (
        table.Panel()
        .with_transformation(_transformation("merge", {}))
        .with_transformation(_transformation("filterFieldsByName", {"include": {"names": list(panel.columns)}}))
        .with_transformation(_transformation("organize", {"indexByName": order, "renameByName": dict(panel.columns)}))
    )
    if panel.sorted_by:
        builder.sort_by([common.TableSortByFieldState().display_name(panel.sorted_by)])
    for heading, unit in panel.column_units.items():
        builder.override_by_name(heading, [models.DynamicConfigValue(id_val="unit", value=unit)])
    for heading, steps in panel.column_steps.items():
        coloured = [
            models.DynamicConfigValue(id_val="thresholds", value=_thresholds(steps).build()),
            models.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
        ]
        builder.override_by_name(heading, coloured)
    return builder


_KINDS = {
    "stat": _stat,
    "graph": _graph,
    "heatmap": _heatmap,
    "bars": _bars,
    "table": _table,
    "timeline": _timeline,
}


def _transformation(name: str, options: dict[str, Any]) -> models.DataTransformerConfig:
    return models.DataTransformerConfig(id_val=name, options=options)


def _to_runbooks(catalogue: Catalogue) -> models.DynamicConfigValue:
    base = catalogue.environment.runbook_url.rstrip("/")
    link = {"title": "Runbook of ${__value.text}", "url": f"{base}/${{__value.text}}", "targetBlank": True}
    return models.DynamicConfigValue(id_val="links", value=[link])


def _target(panel: Panel, query: Query) -> prometheus_builders.Dataquery:
    builder = prometheus_builders.Dataquery().expr(query.expr).datasource(_datasource())
    if query.name:
        builder.legend_format(query.name)
    if query.exemplars:
        builder.exemplar(True)
    if panel.kind == "table" or panel.bars_by:
        return builder.instant().format(PromQueryFormat.TABLE)
    if panel.now:
        # A figure is of now: the last point of a range may be as old as a step, six minutes where a day is shown.
        return builder.instant()
    return builder.range().format(PromQueryFormat.HEATMAP) if panel.kind == "heatmap" else builder.range()


def _annotation(mark: Mark, *, shown: bool) -> board_builders.AnnotationQuery:
    return (
        board_builders.AnnotationQuery()
        .name(mark.name)
        .datasource(_datasource())
        .enable(shown)
        .icon_color(mark.colour)
        .expr(mark.expr)
        .title_format(mark.text)
    )


def _variable(variable: Variable) -> board_builders.QueryVariable:
    return (
        board_builders.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(_datasource())
        .query(variable.query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(ANYTHING)
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )


def _link(link: Link) -> board_builders.DashboardLink:
    return (
        board_builders.DashboardLink(link.title)
        .type(models.DashboardLinkType.LINK)
        .url(link.url)
        .target_blank(not link.same_window)
    )


def _thresholds(steps: Steps) -> board_builders.ThresholdsConfig:
    return (
        board_builders.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=colour) for value, colour in steps])
    )


def _legend(*, shown: bool) -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(shown)
    )


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _said(panel: Panel) -> dict[str, models.ValueMappingResult]:
    return {
        str(said.value): models.ValueMappingResult(text=said.text, color=said.colour or None, index=number)
        for number, said in enumerate(panel.says)
    }


def _datasource() -> common_models.DataSourceRef:
    return common_models.DataSourceRef(type_val=ours.SOURCE["type"], uid=ours.SOURCE["uid"])
