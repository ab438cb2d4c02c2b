"""The alerts that every SLO brings: four speeds of burning, a spent budget, and silence; as values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monitor.catalogue import durations
from monitor.catalogue.model import AlertRule, Environment, Severity
from monitor.catalogue.templates import escape
from monitor.slo import burning, names, promql, windows
from monitor.slo.stand_in import Told
from monitor.slo.windows import BurnPair

NO_DATA = "SLONoData"
NO_DATA_HOLD = timedelta(minutes=5)
EXHAUSTED = "ErrorBudgetExhausted"
EXHAUSTED_KEEP = timedelta(hours=1)
"""A rolling window gives back what leaves it: a budget that hovers around zero is one ticket, not one an hour."""

A_DAY = windows.LONG_WINDOWS[0]
BURN_ALERTS = tuple(pair.alert for pair in windows.BURN_PAIRS)


def alerts(slo: Told, environment: Environment) -> Iterator[AlertRule]:
    """Every alert of one SLO, the most urgent first."""
    for pair in burning.burn_pairs(slo):
        yield _burn(slo, pair, environment)
    yield _exhausted(slo, environment)
    yield _no_data(slo)


def _burn(slo: Told, pair: BurnPair, environment: Environment) -> AlertRule:
    long = durations.text(pair.long)
    bad, total = (_figure(promql.series(name, slo, long)) for name in (names.BAD_SUM, names.TOTAL_SUM))
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
        labels=_labels(slo, pair.severity),
        annotations={
            "summary": escape(
                f"{slo.impact or slo.description} {slo.display_name} is missing its objective of {objective}."
            ),
            "impact": (
                f"{bad} of {total} {escape(slo.events)} were bad in the last {long}. {{{{ with query `{remaining}` }}}}"
                "{{ if gt (. | first | value) 0.0 }}At this pace what is left of the error budget of "
                f"{slo.window.text} is gone in {_figure(left, 'humanizeDuration')}."
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


def _exhausted(slo: Told, environment: Environment) -> AlertRule:
    own, day = slo.window.text, durations.text(A_DAY)
    pace = f"{promql.series(names.BURN_RATE, slo, day)} * {durations.seconds(A_DAY)}"
    goes = _figure(f"{pace} / {durations.seconds(slo.window.duration)}", "humanizePercentage")
    objective = f"{promql.objective(slo)} % over {own}"
    return AlertRule(
        name=EXHAUSTED,
        expr=burning.exhausted_expression(slo),
        hold=windows.hold(environment.scrape_interval, environment.evaluation_interval),
        keep_firing_for=EXHAUSTED_KEEP,
        labels=_labels(slo, Severity.WARNING),
        annotations={
            "summary": escape(
                f"{slo.display_name} has spent its error budget: its objective of {objective} is missed."
            ),
            "impact": (
                f"{escape(slo.impact or slo.description)} {_counts(slo)}At the pace of the last {day}, another "
                f"{goes} of the budget goes each day."
            ),
            "action": "In working hours: put reliability before features, and no risky change, until it is above zero.",
            "value": (
                "{{ $value | humanizePercentage }} of the error budget is left, "
                f"{_figure(promql.series(names.COVERAGE, slo, own), 'humanizePercentage')} of {own} was measured."
            ),
        },
        place=slo.place,
    )


def _counts(slo: Told) -> str:
    """How many events were bad and how many may be; of a calendar window only its ratio is known."""
    if slo.window.calendar:
        return ""
    own = slo.window.text
    bad, total = (promql.series(name, slo, own) for name in (names.BAD_SUM, names.TOTAL_SUM))
    allowed = f"{total} / {promql.series(names.COVERAGE, slo, own)} * {promql.allowed(slo)}"
    return (
        f"{_figure(bad)} of {_figure(total)} {escape(slo.events)} were bad in {own}, where {_figure(allowed)} may be. "
    )


def _labels(slo: Told, severity: Severity) -> dict[str, str]:
    return {
        names.SLO_LABEL: slo.name,
        names.SERVICE_LABEL: slo.service,
        "severity": severity.value,
        "team": slo.team,
    }


def _no_data(slo: Told) -> AlertRule:
    matchers = f'{names.SLO_LABEL}="{slo.name}",{names.SERVICE_LABEL}="{slo.service}"'
    return AlertRule(
        name=NO_DATA,
        expr=f"absent({names.TOTAL_DELTA}{{{matchers}}})",
        hold=NO_DATA_HOLD,
        labels=_labels(slo, Severity.WARNING),
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


def _figure(query: str, form: str = 'printf "%.0f"') -> str:
    """A template that shows the first value of a query, and nothing where it has none."""
    return f"{{{{ with query `{query}` }}}}{{{{ . | first | value | {form} }}}}{{{{ end }}}}"
