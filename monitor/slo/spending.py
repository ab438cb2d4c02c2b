"""The alerts about an error budget that is being spent: one for each step of the policy, and for its end. Pure.

They say what the gate says (``monitor.slo.policy``), at the same shares and with the same room before a state is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monitor.catalogue import durations
from monitor.catalogue.model import AlertRule, Environment, Severity
from monitor.catalogue.templates import escape
from monitor.slo import burning, names, policy, promql, windows
from monitor.slo.policy import Step
from monitor.slo.stand_in import Owner, Told
from monitor.slo.wording import figure, labels

EXHAUSTED = policy.STEPS[-1].alert
SPENT = tuple(step.alert for step in reversed(policy.STEPS) if step.alert)
"""The gravest first: each says what those after it say, and mutes them (``rules/alertmanager.yml``)."""
KEEP = timedelta(hours=1)
"""A rolling window gives back what leaves it, and `monitor work`, which tells of calendar windows, may be restarted: a
budget that hovers around a step, or is not known for a moment, is one ticket and not one an hour."""

A_DAY = windows.LONG_WINDOWS[0]

_ACTIONS = {
    Severity.INFO: "Nothing has to be done today: see what spends it, and plan with what is left.",
    Severity.WARNING: (
        "In working hours: let changes go out one at a time, each watched, and repair what spends the budget first."
    ),
}


def alerts(slo: Told, environment: Environment) -> Iterator[AlertRule]:
    """The alerts about what is spent of an SLO's budget, the gravest first."""
    yield _exhausted(slo, environment)
    for step in reversed(policy.WARNINGS):
        yield _low(slo, step, environment)


def low_expression(slo: Owner, step: Step) -> str:
    """When a state of the policy holds: from its own share on, and once told of, until it is left by its own room."""
    told = f'ALERTS{{alertname="{step.alert}",alertstate="firing",{names.SLO_LABEL}="{slo.name}"}}'
    left = f"max by ({names.SLO_LABEL}, {names.SERVICE_LABEL}) ({_left(slo)})"
    begins, ends = (promql.number(share(step)) for share in (policy.begins, policy.ends))
    return f"{left} <= {begins}\nor\n{left} <= {ends} and on () {told}"


def _exhausted(slo: Told, environment: Environment) -> AlertRule:
    own, day = slo.window.text, durations.text(A_DAY)
    pace = f"{promql.series(names.BURN_RATE, slo, day)} * {durations.seconds(A_DAY)}"
    goes = figure(f"{pace} / {durations.seconds(slo.window.duration)}", "humanizePercentage")
    objective = f"{promql.objective(slo)} % over {own}"
    return AlertRule(
        name=EXHAUSTED,
        expr=burning.exhausted_expression(slo),
        hold=windows.hold(environment.scrape_interval, environment.evaluation_interval),
        keep_firing_for=KEEP,
        labels=labels(slo, Severity.WARNING),
        annotations={
            "summary": escape(
                f"{slo.display_name} has spent its error budget: its objective of {objective} is missed."
            ),
            "impact": (
                f"{escape(slo.impact or slo.description)} {_counts(slo)}At the pace of the last {day}, another "
                f"{goes} of the budget goes each day."
            ),
            "action": "In working hours: put reliability before features, and no risky change, until it is above zero.",
            "value": _measured(slo),
        },
        place=slo.place,
    )


def _low(slo: Told, step: Step, environment: Environment) -> AlertRule:
    own, day = slo.window.text, durations.text(A_DAY)
    pace = f"({promql.series(names.BURN_RATE, slo, day)} > 0)"
    gone = f"clamp_min({_left(slo)}, 0) / on () {pace} * {durations.seconds(slo.window.duration)}"
    objective = f"{promql.objective(slo)} % over {own}"
    return AlertRule(
        name=step.alert,
        expr=low_expression(slo, step),
        hold=windows.hold(environment.scrape_interval, environment.evaluation_interval),
        keep_firing_for=KEEP,
        labels=labels(slo, step.severity),
        annotations={
            "summary": escape(
                f"{slo.display_name} has spent {step.at:.0%} of its error budget; its objective is {objective}."
            ),
            "impact": (
                f"{_counts(slo)}{{{{ with query `{gone}` }}}}At the pace of the last {day} what is left of the error "
                f"budget is gone in {{{{ . | first | value | humanizeDuration }}}}.{{{{ else }}}}In the last {day} "
                "none of it was spent.{{ end }}"
            ),
            "action": f"{_ACTIONS[step.severity]} By the error budget policy: {step.meaning}.",
            "value": _measured(slo),
        },
        place=slo.place,
    )


def _left(slo: Owner) -> str:
    return promql.series(names.BUDGET_REMAINING, slo, slo.window.text)


def _measured(slo: Owner) -> str:
    own = slo.window.text
    return (
        "{{ $value | humanizePercentage }} of the error budget is left, "
        f"{figure(promql.series(names.COVERAGE, slo, own), 'humanizePercentage')} of {own} was measured."
    )


def _counts(slo: Told) -> str:
    """How many events were bad and how many may be; of a calendar window only its ratio is known."""
    if slo.window.calendar:
        return ""
    own = slo.window.text
    bad, total = (promql.series(name, slo, own) for name in (names.BAD_SUM, names.TOTAL_SUM))
    allowed = f"{total} / {promql.series(names.COVERAGE, slo, own)} * {promql.allowed(slo)}"
    return f"{figure(bad)} of {figure(total)} {escape(slo.events)} were bad in {own}, where {figure(allowed)} may be. "
