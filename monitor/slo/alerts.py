"""The alerts that every SLO brings: four speeds of burning, a budget that is being spent, and silence; as values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monitor.catalogue import durations
from monitor.catalogue.model import AlertRule, Environment, Severity
from monitor.catalogue.templates import escape
from monitor.slo import burning, names, promql, spending, windows
from monitor.slo.stand_in import Told
from monitor.slo.windows import BurnPair
from monitor.slo.wording import figure, labels

NO_DATA = "SLONoData"
NO_DATA_HOLD = timedelta(minutes=5)
FIRST_TIME = windows.SHORT_WINDOWS[-1]
"""How long what a gauge tells of may take to happen for the first time: the first backup is taken and restored as soon
as `monitor work` runs, and no backup within an hour breaks the RPO, which pages by itself."""
BURN_ALERTS = tuple(pair.alert for pair in windows.BURN_PAIRS)


def alerts(slo: Told, environment: Environment) -> Iterator[AlertRule]:
    """Every alert of one SLO, the most urgent first."""
    for pair in burning.burn_pairs(slo):
        yield _burn(slo, pair, environment)
    yield from spending.alerts(slo, environment)
    yield _no_data(slo)


def no_data_expression(slo: Told) -> str:
    """When nothing is recorded of an SLO.

    A gauge may tell of what happens now and then (a backup, a restore, a drill) and is not there until it has happened
    once: such an SLO is given an hour from when its rules were loaded, unless it was known before.
    """
    matchers = f'{names.SLO_LABEL}="{slo.name}",{names.SERVICE_LABEL}="{slo.service}"'
    missing = f"absent({names.TOTAL_DELTA}{{{matchers}}})"
    if slo.counted:
        return missing  # producers create their counters at 0
    known = promql.series(names.COVERAGE, slo, durations.text(FIRST_TIME))
    promised = f"{promql.series(names.OBJECTIVE, slo)} offset {durations.text(FIRST_TIME)}"
    return f"{missing}\nand on () (\n  {known} > 0\n  or {promised}\n)"


def _burn(slo: Told, pair: BurnPair, environment: Environment) -> AlertRule:
    long = durations.text(pair.long)
    bad, total = (figure(promql.series(name, slo, long)) for name in (names.BAD_SUM, names.TOTAL_SUM))
    remaining = promql.series(names.BUDGET_REMAINING, slo, slo.window.text)
    pace = promql.series(names.BURN_RATE, slo, long)
    span = f"{durations.seconds(slo.window.duration)}"
    left = f"{remaining} / on () {pace} * {span}"
    objective = f"{promql.objective(slo)} %"
    return AlertRule(
        name=pair.alert,
        expr=burning.burn_expression(slo, pair),
        hold=burning.hold(slo, environment),
        keep_firing_for=environment.keep_firing_for * float(pair.keep),
        labels=labels(slo, pair.severity),
        annotations={
            "summary": escape(
                f"{slo.impact or slo.description} {slo.display_name} is missing its objective of {objective}."
            ),
            "impact": (
                f"{bad} of {total} {escape(slo.events)} were bad in the last {long}. {{{{ with query `{remaining}` }}}}"
                "{{ if gt (. | first | value) 0.0 }}At this pace what is left of the error budget of "
                f"{slo.window.text} is gone in {figure(left, 'humanizeDuration')}."
                f"{{{{ else }}}}The error budget of {slo.window.text} is spent.{{{{ end }}}}{{{{ end }}}}"
            ),
            "action": _ACTIONS[pair.severity],
            "value": (
                '{{ $value | printf "%.1f" }} times the pace that the budget allows, averaged over '
                f"{long}; the limit is {promql.number(pair.factor)}."
            ),
        },
        place=slo.place,
    )


def _no_data(slo: Told) -> AlertRule:
    return AlertRule(
        name=NO_DATA,
        expr=no_data_expression(slo),
        hold=NO_DATA_HOLD,
        labels=labels(slo, Severity.WARNING),
        annotations={
            "summary": escape(f"Nothing is known about {slo.display_name}: its metrics are missing."),
            "impact": "Users may be suffering unseen: this SLO cannot alert, and its coverage falls.",
            "action": "Find the target that is missing or the metric that was renamed, and bring it back.",
        },
        place=slo.place,
    )


_ACTIONS = {
    Severity.CRITICAL: "Open the runbook now: find what changed, and undo it before you look for the cause.",
    Severity.WARNING: "In working hours: find what costs the budget, and plan the repair before the budget is gone.",
}
