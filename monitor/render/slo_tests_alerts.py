"""Tests of an SLO's alerts alone, on made-up recordings: each condition by itself, with every text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from monitor.catalogue import durations
from monitor.catalogue.model import AlertRule, Environment, Slo, Window
from monitor.render.slo_checks import (
    SECOND,
    alert_case,
    count,
    firing,
    humanize_duration,
    humanize_percentage,
    put_in,
    recorded,
    test,
)
from monitor.render.yaml_text import Value, Written, written
from monitor.slo import burning, names, promql, windows
from monitor.slo.alerts import A_DAY, EXHAUSTED, EXHAUSTED_KEEP, NO_DATA
from monitor.slo.stand_in import MOST_KEPT, Owner, StandIn
from monitor.slo.windows import BurnPair

_LEFT = Decimal("0.25")
_MEASURED = Decimal("0.5")
_EVENTS = 5000
_MORE, _LESS = Decimal("1.001"), Decimal("0.999")
"""Just above a limit, and just below it."""


def alert_tests(slo: Slo, rules: Iterable[AlertRule], environment: Environment) -> Iterator[Value]:
    """Every burn alert at, above and below its limits; a budget that is spent; silence."""
    step, alerts = environment.evaluation_interval, {rule.name: rule for rule in rules}
    for pair in burning.burn_pairs(slo):
        rule, above, enough = alerts[pair.alert], pair.factor * _MORE, windows.MINIMUM_BAD_EVENTS
        yield _burning(slo, pair, step, rule, "burns", above)
        yield put_in(_not_burning(slo.window, pair, step, rule.hold, rule.keep_firing_for), slo)
        if pair.ends_with_the_outage:
            yield _burning(slo, pair, step, rule, "still burns now", above, now=windows.NO_LONGER * _MORE)
    yield _spent(slo, step, alerts[EXHAUSTED])
    yield put_in(_not_spent(slo.window, step, alerts[EXHAUSTED].hold), slo)
    yield _no_data(slo, step, alerts[NO_DATA])


@lru_cache(maxsize=MOST_KEPT)
def _not_burning(window: Window, pair: BurnPair, step: timedelta, held: timedelta, kept: timedelta) -> Written:
    """Whatever keeps a burn alert from firing, and how it ends."""
    slo, factor, enough = StandIn(window), pair.factor, windows.MINIMUM_BAD_EVENTS
    above, below = factor * _MORE, factor * _LESS

    def quiet(name: str, burn_long: Decimal, burn_short: Decimal, bad: int, now: Decimal | None = None) -> Value:
        series = _recordings(slo, pair, (burn_long, burn_short, bad), held // step + 4, now)
        check = count(f'ALERTS{{alertname="{pair.alert}"}}', 0, held * 2)
        return test(f"{pair.alert}: {name}", slo, step, [series], {"promql_expr_test": [check]})

    tests = [
        quiet("burns at exactly the limit", factor, factor, enough),
        quiet("burnt, but no longer does", above, below, enough),
        quiet("only begins to burn", below, above, enough),
        quiet("burns by a handful of events", above, above, enough - 1),
    ]
    if pair.keep:
        tests.append(_over(slo, pair, step, held, kept))
    if pair.ends_with_the_outage:
        tests.append(quiet("burnt, and the outage is over", above, above, enough, windows.NO_LONGER))
    return written(tests)


@lru_cache(maxsize=MOST_KEPT)
def _recordings(
    slo: StandIn, pair: BurnPair, figures: tuple[Decimal, Decimal, int], steps: int, now: Decimal | None
) -> Written:
    """What is recorded where this is how fast it burnt and burns, by so many bad events."""
    burn_long, burn_short, bad = figures
    long, short = durations.text(pair.long), durations.text(pair.short)
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
    return Written("\n".join(_constant(slo, made, steps)))


def _burning(
    slo: Slo, pair: BurnPair, step: timedelta, rule: AlertRule, name: str, burn: Decimal, *, now: Decimal | None = None
) -> Value:
    """The alert is pending, and fires with every text once it was held."""
    held, bad = rule.hold, windows.MINIMUM_BAD_EVENTS
    series = put_in(_recordings(StandIn(slo.window), pair, (burn, burn, bad), held // step + 4, now), slo)
    texts = _texts(slo, pair, burn, bad)
    checks: dict[str, Sequence[Value]] = {
        "alert_rule_test": [
            alert_case(pair.alert, held - step, None),
            alert_case(pair.alert, held, rule, texts),
        ],
        "promql_expr_test": [count(firing(slo, pair.alert, "pending"), 1, timedelta(0))],
    }
    return test(f"{pair.alert}: {name}", slo, step, [series], checks)


def _over(slo: Owner, pair: BurnPair, step: timedelta, held: timedelta, kept: timedelta) -> Value:
    """What no longer burns goes on firing for as long as it is kept, and no longer."""
    steps, after = held // step + 4, kept // step + 4
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
    ends = (steps + 1) * step + kept
    checks = [count(firing(slo, pair.alert), 1, ends - step), count(firing(slo, pair.alert), 0, ends + step)]
    return test(f"{pair.alert}: is over", slo, step, series, {"promql_expr_test": checks})


def _constant(slo: Owner, made: dict[tuple[str, str], Decimal], steps: int) -> Iterator[Written]:
    for (name, window), value in made.items():
        yield recorded(slo, name, f"{promql.number(value)}x{steps}", window)


def _texts(slo: Slo, pair: BurnPair, burn: Decimal, bad: int) -> dict[str, str]:
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


def _spent(slo: Slo, step: timedelta, expected: AlertRule) -> Value:
    """A budget of which nothing is left is said once held; and for an hour more, that one that hovers is one ticket."""
    held = expected.hold
    own, day, steps = slo.window.text, durations.text(A_DAY), held // step + 4
    ends = (steps + 1) * step + EXHAUSTED_KEEP
    after = EXHAUSTED_KEEP // step + 4
    made = {
        (names.COVERAGE, own): _MEASURED,
        (names.BAD_SUM, own): Decimal(45),
        (names.TOTAL_SUM, own): Decimal(_EVENTS),
        (names.BURN_RATE, day): Decimal(6),
    }
    series = [
        recorded(slo, names.BUDGET_REMAINING, f"0x{steps} 0.0001x{after}", own),
        *_constant(slo, made, steps + after + 1),
    ]
    checks: dict[str, Sequence[Value]] = {
        "alert_rule_test": [
            alert_case(EXHAUSTED, held - step, None),
            alert_case(EXHAUSTED, held, expected, _spent_texts(slo)),
        ],
        "promql_expr_test": [
            count(firing(slo, EXHAUSTED, "pending"), 1, timedelta(0)),
            count(firing(slo, EXHAUSTED), 1, ends - step),
            count(firing(slo, EXHAUSTED), 0, ends + step),
        ],
    }
    return test(f"{EXHAUSTED}: nothing is left", slo, step, series, checks)


def _spent_texts(slo: Slo) -> dict[str, str]:
    pace = humanize_percentage(6 * (A_DAY // SECOND) / (slo.window.duration // SECOND))
    allowed = float(_EVENTS / _MEASURED * (1 - slo.target))
    counts = f"45 of {_EVENTS} {slo.events} were bad in {slo.window.text}, where {allowed:.0f} may be. "
    return {
        "impact": (
            f"{slo.impact or slo.description} {'' if slo.window.calendar else counts}At the pace of the last "
            f"{durations.text(A_DAY)}, another {pace} of the budget goes each day."
        ),
        "value": f"0% of the error budget is left, 50% of {slo.window.text} was measured.",
    }


@lru_cache(maxsize=MOST_KEPT)
def _not_spent(window: Window, step: timedelta, held: timedelta) -> Written:
    slo = StandIn(window)
    series = [recorded(slo, names.BUDGET_REMAINING, f"0.0001x{held // step + 4}", slo.window.text)]
    quiet = count(f'ALERTS{{alertname="{EXHAUSTED}"}}', 0, held)
    return written([test(f"{EXHAUSTED}: a little is left", slo, step, series, {"promql_expr_test": [quiet]})])


def _no_data(slo: Slo, step: timedelta, expected: AlertRule) -> Value:
    checks: dict[str, Sequence[Value]] = {
        "alert_rule_test": [
            alert_case(NO_DATA, timedelta(0), None),
            alert_case(NO_DATA, expected.hold, expected),
        ],
        "promql_expr_test": [count(f'ALERTS{{alertname="{NO_DATA}",alertstate="pending"}}', 1, timedelta(0))],
    }
    return test("nothing is recorded", slo, step, (), checks)
