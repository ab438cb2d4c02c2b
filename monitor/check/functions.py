"""Functions that a Prometheus must be new enough for: an older one refuses the whole file of rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser as ql

from monitor.catalogue import promql
from monitor.check.problem import Problem
from monitor.check.routes import number

FLAG = "--enable-feature=promql-experimental-functions"
_SINCE = (
    dict.fromkeys(("mad_over_time", "sort_by_label", "sort_by_label_desc"), "2.49")
    | dict.fromkeys(("limitk", "limit_ratio"), "2.54")
    | {"info": "2.55", "double_exponential_smoothing": "3.0"}
    | dict.fromkeys(("ts_of_min_over_time", "ts_of_max_over_time", "ts_of_last_over_time"), "3.5")
    | dict.fromkeys(("first_over_time", "ts_of_first_over_time"), "3.7")
)
"""By the first Prometheus that has them, where the flag is set (its changelog; promtool 2.42 and 3.5.3 were tried).
Those of native histograms are for :mod:`monitor.check.histograms` to say."""


def unknown_functions(expr: ql.Expr, version: str) -> Iterator[Problem]:
    """What a server of this version would not understand."""
    for name in sorted({_name(part) for part in promql.every_part(expr)} & _SINCE.keys()):
        if number(version) < number(_SINCE[name]):
            message = f"Prometheus knows {name} since {_SINCE[name]}, with {FLAG}, and {version} runs here"
            yield "unknown-function", message, "say it without, or run a newer one: the whole file is refused"


def _name(expr: ql.Expr) -> str:
    if isinstance(expr, ql.Call):
        return str(expr.func.name)
    return str(expr.op) if isinstance(expr, ql.AggregateExpr) else ""
