"""A test of what is recorded under Sloth's names: every name, by all labels that its dashboard may ask for. Pure."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, Slo
from monitor.render.slo_checks import recorded, rounded, test
from monitor.render.yaml_text import Value
from monitor.slo import names, promql, sloth, windows
from monitor.slo.rules import sloth_group

_LEFT = Decimal("-0.5")


def sloth_test(slo: Slo, environment: Environment) -> Value:
    """Each window burns at a pace of its own, so that none can stand in for another."""
    group, step, own = sloth_group(slo, environment), environment.rollup_interval, slo.window.text
    assert group  # asked for only where there is one
    spans = (*windows.SHORT_WINDOWS, *windows.MIDDLE_WINDOWS, *windows.LONG_WINDOWS)
    paces = {window: Decimal(number) for number, window in enumerate([*map(durations.text, spans), own], start=2)}
    series = [recorded(slo, names.BURN_RATE, f"{pace}x3", window) for window, pace in paces.items()]
    series.append(recorded(slo, names.BUDGET_REMAINING, f"{_LEFT}x3", own))
    named = {sloth.period(slo) if window == own else window: pace for window, pace in paces.items()}
    shares = {f"{sloth.SLI_ERROR}{window}": pace for window, pace in named.items()} | {sloth.ERROR_BUDGET: Decimal(1)}
    expected = shares | {
        sloth.TIME_PERIOD: Decimal(str(slo.window.duration / timedelta(days=1))),
        sloth.CURRENT_BURN_RATE: paces[sloth.SHORTEST],
        sloth.PERIOD_BURN_RATE: paces[own],
        sloth.BUDGET_REMAINING: _LEFT,
        sloth.INFO: Decimal(1),
    }
    checks = []
    for rule in group.rules:
        inside = ",".join(f'{label}="{text}"' for label, text in rule.labels.items())
        # A share of bad events is told in budgets: of a high objective it would be lost in rounding.
        budgets = f" / {promql.number(1 - slo.target)}" if rule.record in shares else ""
        checks.append(rounded(f"{rule.record}{{{inside}}}{budgets}", expected[rule.record], 3 * step))
    spread = f"{sloth.SLI_ERROR}{sloth.SHORTEST} / on ({sloth.ID_LABEL}) group_left () {sloth.ERROR_BUDGET}"
    checks.append(rounded(spread, paces[sloth.SHORTEST], 3 * step))
    return test("the same figures under Sloth's names", slo, step, series, {"promql_expr_test": checks})
