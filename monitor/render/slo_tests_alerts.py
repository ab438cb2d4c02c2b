"""Tests of an SLO's alerts alone, on made-up recordings: each condition by itself, with every text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from monitor.catalogue import durations
from monitor.catalogue.model import AlertRule, Environment
from monitor.render.pattern import allowed_of
from monitor.render.rules import complete
from monitor.render.slo_checks import (
    SECOND,
    alert_case,
    count,
    firing,
    given,
    humanize_duration,
    humanize_percentage,
    recorded,
    test,
)
from monitor.render.yaml_text import Value
from monitor.slo import burning, names, policy, promql, windows
from monitor.slo.alerts import FIRST_TIME, NO_DATA
from monitor.slo.alerts import alerts as slo_alerts
from monitor.slo.policy import Step
from monitor.slo.spending import A_DAY, EXHAUSTED
from monitor.slo.stand_in import Owner, Told
from monitor.slo.windows import BurnPair

_LEFT = Decimal("0.6")
_MEASURED = Decimal("0.5")
_EVENTS = 5000
_LITTLE = Decimal("0.0001")


def alert_tests(slo: Told, environment: Environment) -> Iterator[Value]:
    """Every burn alert at, above and below its limits; a budget that is spent, and step by step; silence."""
    alerts = {rule.name: complete(rule, environment) for rule in slo_alerts(slo, environment)}
    for pair in burning.burn_pairs(slo):
        factor, enough = pair.factor, windows.MINIMUM_BAD_EVENTS
        above, below = factor * Decimal("1.001"), factor * Decimal("0.999")
        yield _pair_test(slo, pair, environment, "burns", (above, above, enough), alerts[pair.alert])
        yield _pair_test(slo, pair, environment, "burns at exactly the limit", (factor, factor, enough))
        yield _pair_test(slo, pair, environment, "burnt, but no longer does", (above, below, enough))
        yield _pair_test(slo, pair, environment, "only begins to burn", (below, above, enough))
        yield _pair_test(slo, pair, environment, "burns by a handful of events", (above, above, enough - 1))
        if pair.keep:
            yield _over(slo, pair, environment, alerts[pair.alert])
        if pair.ends_with_the_outage:
            figures, over = (above, above, enough), windows.NO_LONGER
            yield _pair_test(slo, pair, environment, "burnt, and the outage is over", figures, now=over)
            yield _pair_test(
                slo, pair, environment, "still burns now", figures, alerts[pair.alert], now=over * Decimal("1.001")
            )
    yield _spent(slo, environment, alerts[EXHAUSTED])
    yield _spending(slo, environment, alerts)
    yield _still_told(slo, environment)
    yield _no_data(slo, environment, alerts[NO_DATA])


def _pair_test(
    slo: Told,
    pair: BurnPair,
    environment: Environment,
    name: str,
    figures: tuple[Decimal, Decimal, int],
    expected: AlertRule | None = None,
    *,
    now: Decimal | None = None,
) -> Value:
    burn_long, burn_short, bad = figures
    long, short = durations.text(pair.long), durations.text(pair.short)
    step = environment.evaluation_interval
    held = burning.hold(slo, environment)
    made = {
        (names.BURN_RATE, long): burn_long / _MEASURED,
        (names.COVERAGE, long): _MEASURED,
        (names.BURN_RATE, short): burn_short,
        (names.BAD_SUM, long): Decimal(bad),
        (names.TOTAL_SUM, long): Decimal(_EVENTS),
        (names.BUDGET_REMAINING, slo.window.text): _LEFT,
    }
    if now is not None:
        made[names.BURN_RATE, durations.text(windows.SHORT_WINDOWS[0])] = now
    series = list(_constant(slo, made, held // step + 4))
    if expected is None:
        quiet = count(f'ALERTS{{alertname="{pair.alert}"}}', 0, held + 2 * step)
        return test(f"{pair.alert}: {name}", slo, step, series, {"promql_expr_test": [quiet]})
    texts = _texts(slo, pair, burn_long, bad)
    checks: dict[str, list[Value]] = {"alert_rule_test": [alert_case(pair.alert, held, expected, texts)]}
    if held:
        checks["alert_rule_test"].insert(0, alert_case(pair.alert, held - step, None))
        checks["promql_expr_test"] = [count(firing(slo, pair.alert, "pending"), 1, timedelta(0))]
    return test(f"{pair.alert}: {name}", slo, step, series, checks)


def _over(slo: Told, pair: BurnPair, environment: Environment, rule: AlertRule) -> Value:
    """What no longer burns goes on firing for as long as it is kept, and no longer."""
    step = environment.evaluation_interval
    steps, after = rule.hold // step + 4, rule.keep_firing_for // step + 4
    made = {
        (names.BURN_RATE, durations.text(pair.long)): pair.factor * 2,
        (names.COVERAGE, durations.text(pair.long)): Decimal(1),
        (names.BAD_SUM, durations.text(pair.long)): Decimal(windows.MINIMUM_BAD_EVENTS),
    }
    falls = f"{promql.number(pair.factor * 2)}x{steps} 0x{after}"
    series = [
        recorded(slo, names.BURN_RATE, falls, durations.text(pair.short)),
        *_constant(slo, made, steps + after + 1),
    ]
    ends = (steps + 1) * step + rule.keep_firing_for
    checks = [count(firing(slo, pair.alert), 1, ends - step), count(firing(slo, pair.alert), 0, ends + step)]
    return test(f"{pair.alert}: is over", slo, step, series, {"promql_expr_test": checks})


def _constant(slo: Told, made: dict[tuple[str, str], Decimal], steps: int) -> Iterator[Value]:
    for (name, window), value in made.items():
        yield recorded(slo, name, f"{promql.number(value)}x{steps}", window)


def _texts(slo: Told, pair: BurnPair, burn: Decimal, bad: int) -> dict[str, str]:
    left = float(_LEFT) / float(burn / _MEASURED) * (slo.window.duration // SECOND)
    long = durations.text(pair.long)
    return {
        "impact": (
            f"{bad} of {_EVENTS} {slo.events} were bad in the last {long}. At this pace what is left of the error "
            f"budget of {slo.window.text} is gone in {humanize_duration(left)}."
        ),
        "value": (
            f"{burn:.1f} times the pace that the budget allows, averaged over {long}; "
            f"the limit is {promql.number(pair.factor)}."
        ),
    }


def _spent(slo: Told, environment: Environment, expected: AlertRule) -> Value:
    """A budget of which nothing is left is said once held."""
    step = environment.evaluation_interval
    held = windows.hold(environment.scrape_interval, step)
    own, day, steps = slo.window.text, durations.text(A_DAY), held // step + 4
    made = {
        (names.BUDGET_REMAINING, own): Decimal(0),
        (names.COVERAGE, own): _MEASURED,
        (names.BAD_SUM, own): Decimal(45),
        (names.TOTAL_SUM, own): Decimal(_EVENTS),
        (names.BURN_RATE, day): Decimal(6),
    }
    checks: dict[str, Sequence[Value]] = {
        "alert_rule_test": [
            alert_case(EXHAUSTED, held - step, None),
            alert_case(EXHAUSTED, held, expected, _spent_texts(slo)),
        ],
        "promql_expr_test": [count(firing(slo, EXHAUSTED, "pending"), 1, timedelta(0))],
    }
    return test(f"{EXHAUSTED}: nothing is left", slo, step, list(_constant(slo, made, steps)), checks)


def _spent_texts(slo: Told) -> dict[str, str]:
    pace = humanize_percentage(6 * (A_DAY // SECOND) / (slo.window.duration // SECOND))
    counts = _counts(slo)
    return {
        "impact": (
            f"{slo.impact or slo.description} {'' if slo.window.calendar else counts}At the pace of the last "
            f"{durations.text(A_DAY)}, another {pace} of the budget goes each day."
        ),
        "value": f"0% of the error budget is left, 50% of {slo.window.text} was measured.",
    }


def _counts(slo: Told) -> str:
    allowed = allowed_of(slo, int(_EVENTS / _MEASURED))
    return f"45 of {_EVENTS} {slo.events} were bad in {slo.window.text}, where {allowed} may be. "


def _spending(slo: Told, environment: Environment, alerts: dict[str, AlertRule]) -> Value:
    """Each step of the policy is told of where it begins, not a moment before; all but a little is not spent."""
    step, phase, held = _phase(environment)
    levels = [level for one in policy.WARNINGS for level in (policy.begins(one) + _LITTLE, policy.begins(one))]
    made = {
        (names.COVERAGE, slo.window.text): _MEASURED,
        (names.BAD_SUM, slo.window.text): Decimal(45),
        (names.TOTAL_SUM, slo.window.text): Decimal(_EVENTS),
        (names.BURN_RATE, durations.text(A_DAY)): Decimal(6),
    }
    series = [_left(slo, (*levels, _LITTLE), phase), *_constant(slo, made, phase * (len(levels) + 1))]
    cases: list[Value] = []
    for number, one in enumerate(policy.WARNINGS):
        begins = (2 * number + 1) * phase * step
        cases.append(alert_case(one.alert, begins + held - step, None))
        cases.append(alert_case(one.alert, begins + held, alerts[one.alert], _spending_texts(slo, one)))
    quiet = count(f'ALERTS{{alertname="{EXHAUSTED}"}}', 0, ((len(levels) + 1) * phase - 1) * step)
    checks: dict[str, list[Value]] = {"alert_rule_test": cases, "promql_expr_test": [quiet]}
    return test("the budget is spent step by step", slo, step, series, checks)


def _spending_texts(slo: Told, step: Step) -> dict[str, str]:
    left = policy.begins(step)
    goes = humanize_duration(float(left) / 6 * (slo.window.duration // SECOND))
    counts = "" if slo.window.calendar else _counts(slo)
    return {
        "impact": (
            f"{counts}At the pace of the last {durations.text(A_DAY)} what is left of the error budget is gone in "
            f"{goes}."
        ),
        "value": (
            f"{humanize_percentage(float(left))} of the error budget is left, 50% of {slo.window.text} was measured."
        ),
    }


def _still_told(slo: Told, environment: Environment) -> Value:
    """What was told of once goes on until the budget has come back by more than a little."""
    step, phase, held = _phase(environment)
    levels = [level for one in policy.WARNINGS for level in (policy.ends(one) + _LITTLE, policy.ends(one))]
    series = [_left(slo, levels, phase)]
    checks: list[Value] = []
    for number, one in enumerate(policy.WARNINGS):
        # Told of by another server, so that what this one says is told apart.
        told = firing(slo, one.alert).removesuffix("}") + ',told="before"}'
        series.append(given(told, f"1x{phase * len(levels)}"))
        ours = f'ALERTS{{alertname="{one.alert}",{names.SLO_LABEL}="{slo.name}",told=""}}'
        begins = (2 * number + 1) * phase * step
        checks += [
            count(ours, 0, begins - step),
            count(ours, 1, begins),
            count(firing(slo, one.alert), 2, begins + held),
        ]
    return test("the budget comes back step by step", slo, step, series, {"promql_expr_test": checks})


def _phase(environment: Environment) -> tuple[timedelta, int, timedelta]:
    """How far evaluations are apart, how many a phase has, and how long alerts are held."""
    step = environment.evaluation_interval
    held = windows.hold(environment.scrape_interval, step)
    return step, held // step + 2, held


def _left(slo: Owner, levels: Iterable[Decimal], phase: int) -> Value:
    """So much of the budget is left, for one phase each."""
    values = " ".join(f"{promql.number(level)}x{phase - 1}" for level in levels)
    return recorded(slo, names.BUDGET_REMAINING, values, slo.window.text)


def _no_data(slo: Told, environment: Environment, expected: AlertRule) -> Value:
    step, known = environment.evaluation_interval, list[Value]()
    if not slo.counted:
        known = [recorded(slo, names.COVERAGE, f"0.1x{expected.hold // step + 2}", durations.text(FIRST_TIME))]
    checks: dict[str, Sequence[Value]] = {
        "alert_rule_test": [
            alert_case(NO_DATA, timedelta(0), None),
            alert_case(NO_DATA, expected.hold, expected),
        ],
        "promql_expr_test": [count(f'ALERTS{{alertname="{NO_DATA}",alertstate="pending"}}', 1, timedelta(0))],
    }
    return test("nothing is recorded any more" if known else "nothing is recorded", slo, step, known, checks)
