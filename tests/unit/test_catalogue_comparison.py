"""An alert's expression, taken apart so that it can be drawn."""

from __future__ import annotations

import pytest

from monitor.catalogue.comparison import Comparison, comparison
from monitor.catalogue.load import load
from monitor.render.rules import all_alerts


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        ("max(up) == 0", Comparison(query="max(up)", sign="==", threshold=0)),
        ("(a > 14.4)", Comparison(query="a", sign=">", threshold=14.4)),
        ("a > 1 and b > 2", Comparison(query="a", sign=">", threshold=1)),
        ("a unless b > 2", Comparison(query="a unless b > 2")),
        ("absent(x) or a < 3", Comparison(query="a", sign="<", threshold=3)),
        ("2 < a", Comparison(query="a", sign=">", threshold=2)),
        ("a >= -2 * 3", Comparison(query="a", sign=">=", threshold=-6)),
        ("a > 1 / 0", Comparison(query="a", sign=">", limit="1 / 0")),
        ("max(a) < max(b)", Comparison(query="max(a)", sign="<", limit="max(b)")),
        ("vector(1)", Comparison(query="vector(1)")),
    ],
)
def test_the_first_comparison_is_what_is_drawn(expr: str, wanted: Comparison) -> None:
    assert comparison(expr) == wanted


def test_what_is_no_promql_is_refused() -> None:
    with pytest.raises(ValueError, match="is not PromQL"):
        comparison("sum(")


def test_a_function_that_prometheus_renamed_is_told_by_its_new_name() -> None:
    with pytest.raises(ValueError, match=r"holt_winters, which Prometheus 3\.0 calls double_exponential_smoothing"):
        comparison("holt_winters(a[5m], 0.1, 0.1) > 1")
    assert comparison("double_exponential_smoothing(a[5m], 0.1, 0.1) > 1").threshold == 1


def test_every_alert_of_the_catalogue_can_be_drawn() -> None:
    for rule in all_alerts(load(None, "compose")):
        assert comparison(rule.expr).query
