"""Dashboards as TypeScript literals of Grafana's own types, so that its compiler says what is no dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

KINDS = {
    "bargauge": "bargauge",
    "heatmap": "heatmap",
    "stat": "stat",
    "state-timeline": "statetimeline",
    "table": "table",
    "text": "text",
    "timeseries": "timeseries",
}
"""Types of panels that we use -> where their types are."""

OURS = ("empty_until",)
"""Read by our own checks, on panels and variables; Grafana ignores it."""

OF_PROMETHEUS = ("expr", "titleFormat")
"""Of an annotation, and its data source's business: Grafana 10 reads them here, later ones make a target of them."""

HEAD = """import type { AnnotationQuery, Dashboard, Panel, RowPanel, VariableModel } from '@grafana/schema';
// JSON has an enumeration's values where the types have its members.
type Json<T> = 0 extends 1 & T ? any : T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends Array<infer U> ? Json<U>[] : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
"""

_TYPES = "./node_modules/@grafana/schema/dist/types/raw/composable/{0}/panelcfg/x/types.gen.js"


def typescript(body: dict[str, Any]) -> str:
    """A dashboard in pieces, each of its own type: the compiler finds what is unknown in literals only.

    Raises:
        KeyError: a panel is of a kind whose types are not known here.
    """
    imports = "".join(f"import type * as {name} from '{_TYPES.format(name)}';\n" for name in KINDS.values())
    pieces = [f"const piece{number}: {piece};\n" for number, piece in enumerate(_pieces(body))]
    return f"{HEAD}{imports}{''.join(pieces)}export {{}};\n"


def _pieces(body: dict[str, Any]) -> Iterator[str]:
    for panel in body["panels"]:
        if panel["type"] == "row":
            yield _piece("RowPanel", panel | {"panels": []})
            for inner in panel["panels"]:
                yield from _panel(inner)
        else:
            yield from _panel(panel)
    for mark in body["annotations"]["list"]:
        yield _piece("AnnotationQuery", _without(mark, OF_PROMETHEUS))
    for variable in body["templating"]["list"]:
        yield _piece("VariableModel", _without(variable, OURS))
    yield _piece("Dashboard", body | {"panels": [], "annotations": {"list": []}, "templating": {"list": []}})


def _panel(panel: dict[str, Any]) -> Iterator[str]:
    kind = KINDS[panel["type"]]
    yield _piece(f"{kind}.Options", panel["options"])
    defaults = panel["fieldConfig"]["defaults"]
    if "custom" in defaults:
        yield _piece(f"Partial<{kind}.FieldConfig>", defaults["custom"])
    config = panel["fieldConfig"] | {"defaults": _without(defaults, ("custom",))}
    yield _piece("Omit<Panel, 'options'>", _without(panel, ("options", *OURS)) | {"fieldConfig": config})


def _piece(kind: str, literal: dict[str, Any]) -> str:
    return f"Json<{kind}> = {json.dumps(literal, indent=1)}"


def _without(body: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}
