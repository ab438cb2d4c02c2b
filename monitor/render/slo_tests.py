"""promtool tests of every SLO's rules, written from the SLO itself: what must fire, when, and what must not. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from monitor.catalogue import durations, templates
from monitor.catalogue.model import AlertRule, Environment, RatioSli, Severity, Slo, ThresholdSli
from monitor.render.rules import complete, rule_groups, slo_alert_file, slo_file
from monitor.render.yaml_text import Value, document
from monitor.slo import names, promql, rules, windows
from monitor.slo.alerts import NO_DATA, NO_DATA_HOLD
from monitor.slo.alerts import alerts as slo_alerts
from monitor.slo.example import Phase, can_be_made_up, input_series
from monitor.slo.windows import BurnPair

FOLDER = "rules/tests"
RATE = 100
"""Events per step in the made-up traffic: enough that the floor of bad events is passed at the first bad step."""


def slo_tests(slo: Slo, environment: Environment) -> dict[str, str]:
    """The two test files of an SLO: its recordings with the alerts on them, and its alerts alone."""
    return {
        f"{FOLDER}/slo-{slo.name}.yml": _file(
            [slo_file(slo), slo_alert_file(slo)], environment, _recording_tests(slo, environment), rule_groups(slo)
        ),
        f"{FOLDER}/slo-{slo.name}-alerts.yml": _file(
            [slo_alert_file(slo)], environment, _alert_tests(slo, environment)
        ),
    }


def _file(files: list[str], environment: Environment, tests: Iterable[Value], order: Iterable[str] = ()) -> str:
    head: dict[str, Value] = {
        "rule_files": [f"../{file.removeprefix('rules/')}" for file in files],
        "evaluation_interval": durations.text(environment.evaluation_interval),
    }
    if order:
        head["group_eval_order"] = list(order)
    return document(head | {"tests": list(tests)})


# --- recordings, from made-up counters


def _recording_tests(slo: Slo, environment: Environment) -> Iterator[Value]:
    if can_be_made_up(slo):
        yield from _total_outage(slo, environment)
        yield from _darkness(slo, environment)
        yield _within_budget(slo, environment)
        yield _idle(slo, environment)
    if isinstance(slo.sli, RatioSli):
        yield _reset(slo, environment)
        yield _few_events(slo, environment)
    yield _silence(slo, environment)


def _total_outage(slo: Slo, environment: Environment) -> Iterator[Value]:
    """Healthy, then everything fails, then healthy again: fires when the budget says so, not before; and resolves."""
    pair, step = windows.BURN_PAIRS[0], environment.evaluation_interval
    if not rules.can_fire(slo, pair):
        return
    healthy = 40
    needed = _steps_until_fast(slo, healthy, step, Fraction(1))
    held = math.ceil(windows.hold(environment.scrape_interval, step) / step)
    outage = needed + held + 4
    calm = (pair.short + environment.keep_firing_for) // step + 8
    phases = (Phase(steps=healthy, good=RATE), Phase(steps=outage, bad=RATE), Phase(steps=calm, good=RATE))
    yield _test(
        "everything fails, and then nothing does",
        slo,
        environment,
        phases,
        [
            _count(_firing(slo, pair), 0, (healthy + needed - 1) * step),
            _count(_firing(slo, pair, "pending"), 1, (healthy + needed) * step),
            _count(_firing(slo, pair, "pending"), 1, (healthy + needed + held - 1) * step),
            _count(_firing(slo, pair), 1, (healthy + needed + held) * step),
            _count(_firing(slo, pair), 0, (healthy + outage + calm) * step),
            *_figures(slo, pair.long, healthy + outage, outage, step),
        ],
    )


def _darkness(slo: Slo, environment: Environment) -> Iterator[Value]:
    """Traffic, then the edge is gone and the probe fails: it burns as fast as if all that traffic had failed."""
    pair, step = windows.BURN_PAIRS[0], environment.evaluation_interval
    if not rules.can_fire(slo, pair) or not (isinstance(slo.sli, RatioSli) and slo.sli.probe):
        return
    healthy = 40
    # At the first sample nothing has been gained yet, so the mean step has a little less than what came in one.
    weight = Fraction(healthy, healthy + 1)
    needed = _steps_until_fast(slo, healthy, step, weight)
    held = math.ceil(windows.hold(environment.scrape_interval, step) / step)
    dark = needed + held + 4
    phases = (Phase(steps=healthy, good=RATE), Phase(steps=dark, absent=True, probe=0))
    at, lost = (healthy + dark) * step, Decimal(RATE * healthy * dark) / (healthy + 1)
    yield _test(
        "traffic, then the edge is gone, and the probe says so",
        slo,
        environment,
        phases,
        [
            _count(_firing(slo, pair), 0, (healthy + needed + held - 1) * step),
            _count(_firing(slo, pair), 1, (healthy + needed + held) * step),
            _rounded(promql.failed_events(slo, dark * step), lost, at),
            _rounded(promql.total_events(slo, at), RATE * healthy + lost, at),
        ],
    )


def _steps_until_fast(slo: Slo, healthy: int, step: timedelta, weight: Fraction) -> int:
    """How many bad steps it takes until the fastest alert is due, after so many healthy ones.

    ``weight`` is how much a bad step counts, of a healthy one.
    """
    pair, bad = windows.BURN_PAIRS[0], 1
    limit = Fraction(pair.factor * (1 - slo.target))
    while True:
        share = weight * bad / (_counted(slo, healthy) + weight * bad) * Fraction(healthy + bad + 1, pair.long // step)
        if share > limit and _events(slo, bad, step) * Decimal(float(weight)) >= windows.MINIMUM_BAD_EVENTS:
            return bad
        bad += 1


def _counted(slo: Slo, steps: int) -> int:
    """Steps that have events: a gauge is judged at the first sample too, a counter gains nothing until the second."""
    return steps + 1 if isinstance(slo.sli, ThresholdSli) else steps


def _figures(slo: Slo, span: timedelta, steps: int, bad: int, step: timedelta) -> Iterator[Value]:
    window, at, total = durations.text(span), steps * step, _counted(slo, steps)
    share = Decimal(bad) / Decimal(total)
    covered = Decimal((steps + 1) * (step // _SECOND)) / (span // _SECOND)
    yield _rounded(promql.series(names.SLI, slo, window), 1 - share, at)
    yield _rounded(promql.series(names.BURN_RATE, slo, window), share / (1 - slo.target), at)
    yield _rounded(promql.series(names.COVERAGE, slo, window), covered, at)
    yield _remaining(slo, at)
    yield _rounded(promql.failed_events(slo, at), _events(slo, bad, step), at)
    yield _rounded(promql.total_events(slo, at), _events(slo, steps, step), at)


def _remaining(slo: Slo, at: timedelta) -> Value:
    """What is left is counted of the whole window: what burnt, as far as it was measured."""
    burn, coverage, left = (
        f"max({promql.series(name, slo, slo.window.text)})"
        for name in (names.BURN_RATE, names.COVERAGE, names.BUDGET_REMAINING)
    )
    return _rounded(f"{burn} * {coverage} + {left}", Decimal(1), at)


def _within_budget(slo: Slo, environment: Environment) -> Value:
    """Errors at the pace that the budget allows wake nobody."""
    step, steps = environment.evaluation_interval, 60
    bad = int(RATE * 100 * (1 - slo.target)) if isinstance(slo.sli, RatioSli) else 0
    phases = (Phase(steps=steps, good=RATE * 100 - bad, bad=bad),)
    return _test(
        "errors at the pace that the budget allows", slo, environment, phases, [_count(_any(slo), 0, steps * step)]
    )


def _few_events(slo: Slo, environment: Environment) -> Value:
    """One failed event is no reason to wake anyone, though it be half of all there were."""
    step = environment.evaluation_interval
    phases = (Phase(steps=20, good=0), Phase(steps=1, good=1, bad=1), Phase(steps=20, good=0))
    at = 41 * step
    return _test(
        "one failed event at night, half of all there were",
        slo,
        environment,
        phases,
        [_count(_any(slo), 0, at), _rounded(promql.failed_events(slo, at), Decimal(1), at)],
    )


def _idle(slo: Slo, environment: Environment) -> Value:
    """No events: nothing is known to be wrong, nothing is NaN, and time counts as watched."""
    step, span = environment.evaluation_interval, windows.SHORT_WINDOWS[0]
    steps = span // step + 4
    at, window = steps * step, durations.text(span)
    checks = [_count(_any(slo), 0, at), _rounded(promql.series(names.COVERAGE, slo, window), Decimal(1), at)]
    if isinstance(slo.sli, RatioSli):
        checks.append(
            {"expr": promql.series(names.SLI, slo, window), "eval_time": durations.text(at), "exp_samples": []}
        )
    return _test("nothing comes and nothing fails", slo, environment, (Phase(steps=steps),), checks)


def _reset(slo: Slo, environment: Environment) -> Value:
    """Counters that start anew lose nothing."""
    step = environment.evaluation_interval
    phases = (Phase(steps=20, good=RATE, bad=1), Phase(steps=20, good=RATE, bad=1, reset=True))
    at = 40 * step
    return _test(
        "every counter is reset",
        slo,
        environment,
        phases,
        [
            _rounded(promql.failed_events(slo, at), Decimal(40), at),
            _rounded(promql.total_events(slo, at), Decimal(40 * (RATE + 1)), at),
        ],
    )


def _silence(slo: Slo, environment: Environment) -> Value:
    """The counters vanish: with a failing probe that is bad time; without one it is unknown, and said so."""
    step = environment.evaluation_interval
    steps = NO_DATA_HOLD // step + 8
    phases = (Phase(steps=20, good=0), Phase(steps=steps, absent=True, probe=0))
    at = (20 + steps) * step
    probed = isinstance(slo.sli, RatioSli) and bool(slo.sli.probe)
    no_data = f'ALERTS{{alertname="{NO_DATA}",alertstate="firing",{names.SLO_LABEL}="{slo.name}"}}'
    checks = [_count(no_data, 0 if probed else 1, at)]
    if probed:
        checks.append(_rounded(promql.failed_events(slo, steps * step), Decimal(steps), at))
        checks.append(_rounded(promql.series(names.SLI, slo, "5m"), Decimal(0), at))
    name = "the edge is gone, and the probe says so" if probed else "the counters are gone"
    return _test(name, slo, environment, phases, checks)


def _events(slo: Slo, steps: int, step: timedelta) -> Decimal:
    if isinstance(slo.sli, ThresholdSli):
        return Decimal(steps * (step // _SECOND)) / 60
    return Decimal(steps * RATE)


def _test(name: str, slo: Slo, environment: Environment, phases: tuple[Phase, ...], checks: list[Value]) -> Value:
    return {
        "name": f"{slo.name}: {name}",
        "interval": durations.text(environment.evaluation_interval),
        "input_series": [{"series": made.series, "values": made.values} for made in input_series(slo, phases)],
        "promql_expr_test": checks,
    }


# --- alerts, from made-up recordings


def _alert_tests(slo: Slo, environment: Environment) -> Iterator[Value]:
    alerts = {rule.name: complete(rule, environment) for rule in slo_alerts(slo, environment)}
    for pair in windows.BURN_PAIRS:
        factor, enough = pair.factor, windows.MINIMUM_BAD_EVENTS
        above, below = factor * Decimal("1.001"), factor * Decimal("0.999")
        yield _pair_test(slo, pair, environment, "burns", (above, above, enough), alerts[pair.alert])
        yield _pair_test(slo, pair, environment, "burns at exactly the limit", (factor, factor, enough))
        yield _pair_test(slo, pair, environment, "burnt, but no longer does", (above, below, enough))
        yield _pair_test(slo, pair, environment, "only begins to burn", (below, above, enough))
        yield _pair_test(slo, pair, environment, "burns by a handful of events", (above, above, enough - 1))
        if pair.ends_with_the_outage:
            figures, over = (above, above, enough), windows.NO_LONGER
            yield _pair_test(slo, pair, environment, "burnt, and the outage is over", figures, now=over)
            yield _pair_test(
                slo, pair, environment, "still burns now", figures, alerts[pair.alert], now=over * Decimal("1.001")
            )
    yield _no_data_test(slo, environment, alerts[NO_DATA])


def _pair_test(
    slo: Slo,
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
    held = windows.hold(environment.scrape_interval, environment.evaluation_interval)
    recorded = {
        (names.BURN_RATE, long): burn_long * 2,  # of which half the window is covered
        (names.COVERAGE, long): Decimal("0.5"),
        (names.BURN_RATE, short): burn_short,
        (names.BAD_SUM, long): Decimal(bad),
        (names.TOTAL_SUM, long): Decimal(5000),
        (names.BUDGET_REMAINING, slo.window.text): Decimal("0.25"),
    }
    if now is not None:
        recorded[names.BURN_RATE, durations.text(windows.SHORT_WINDOWS[0])] = now
    steps = held // environment.evaluation_interval + 4
    test: dict[str, Value] = {
        "name": f"{slo.name}: {pair.alert}: {name}",
        "interval": durations.text(environment.evaluation_interval),
        "input_series": [_recorded(slo, key, value, steps) for key, value in recorded.items()],
    }
    if expected is None:
        return test | {"promql_expr_test": [_count(f'ALERTS{{alertname="{pair.alert}"}}', 0, held * 2)]}
    annotations = _shown(expected, held) | _expected_texts(slo, pair, burn_long, bad)
    return test | {
        "alert_rule_test": [
            {
                "eval_time": durations.text(held - environment.evaluation_interval),
                "alertname": pair.alert,
                "exp_alerts": [],
            },
            {
                "eval_time": durations.text(held),
                "alertname": pair.alert,
                "exp_alerts": [{"exp_labels": _labels(expected), "exp_annotations": dict(sorted(annotations.items()))}],
            },
        ],
        "promql_expr_test": [_count(_firing(slo, pair, "pending"), 1, timedelta(0))],
    }


def _expected_texts(slo: Slo, pair: BurnPair, burn: Decimal, bad: int) -> dict[str, str]:
    left = 0.25 / float(burn * 2) * (slo.window.duration // _SECOND)
    long = durations.text(pair.long)
    return {
        "impact": (
            f"{bad} of 5000 {slo.events} were bad in the last {long}. At this pace what is left of the error budget of "
            f"{slo.window.text} is gone in {humanize_duration(left)}."
        ),
        "value": (
            f"{burn:.1f} times the pace that the budget allows, averaged over {long}; "
            f"the limit is {promql.number(pair.factor)}."
        ),
    }


def _no_data_test(slo: Slo, environment: Environment, expected: AlertRule) -> Value:
    step = environment.evaluation_interval
    held = expected.hold
    annotations = _shown(expected, held)
    return {
        "name": f"{slo.name}: nothing is recorded",
        "interval": durations.text(step),
        "alert_rule_test": [
            {"eval_time": "0s", "alertname": NO_DATA, "exp_alerts": []},
            {
                "eval_time": durations.text(held),
                "alertname": NO_DATA,
                "exp_alerts": [{"exp_labels": _labels(expected), "exp_annotations": dict(sorted(annotations.items()))}],
            },
        ],
        "promql_expr_test": [_count(f'ALERTS{{alertname="{NO_DATA}",alertstate="pending"}}', 1, timedelta(0))],
    }


def _shown(expected: AlertRule, at: timedelta) -> dict[str, str]:
    """The annotations as they are sent, but for those that are templates."""
    filled = expected.annotations | {"dashboard_url": at_time(expected.annotations["dashboard_url"], at)}
    return {name: text for name, made in filled.items() if (text := templates.shown(made)) is not None}


def at_time(template: str, at: timedelta) -> str:
    """A link's address as it is when an alert is evaluated at this time of a test."""
    head, opening, rest = template.partition("{{")
    if not opening:
        return template
    tail = rest.rpartition("}}")[2]
    return f"{head}{(at // _SECOND - 3600) * 1000}{tail}"


def humanize_duration(seconds: float) -> str:
    """A span of a second or more as Prometheus's ``humanizeDuration`` writes it."""
    whole = int(seconds)
    days, hours, minutes, rest = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if days:
        return f"{days}d {hours}h {minutes}m {rest}s"
    if hours:
        return f"{hours}h {minutes}m {rest}s"
    return f"{minutes}m {rest}s" if minutes else f"{seconds:.4g}s"


def _recorded(slo: Slo, key: tuple[str, str], value: Decimal, steps: int) -> Value:
    name, window = key
    labels = {names.SLO_LABEL: slo.name, names.SERVICE_LABEL: slo.service, names.WINDOW_LABEL: window}
    inside = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return {"series": f"{name}{{{inside}}}", "values": f"{promql.number(value)}x{steps}"}


def _labels(rule: AlertRule) -> Value:
    return dict(sorted(rule.labels.items()))


# --- checks

_SECOND = timedelta(seconds=1)
_PRECISION = 4


def _firing(slo: Slo, pair: BurnPair, state: str = "firing") -> str:
    return f'ALERTS{{alertname="{pair.alert}",alertstate="{state}",{names.SLO_LABEL}="{slo.name}"}}'


def _any(slo: Slo) -> str:
    severities = f"{Severity.CRITICAL.value}|{Severity.WARNING.value}"
    return f'ALERTS{{alertname=~"ErrorBudget.*",severity=~"{severities}",{names.SLO_LABEL}="{slo.name}"}}'


def _count(series: str, expected: int, at: timedelta) -> Value:
    samples: list[Value] = [{"labels": "{}", "value": expected}] if expected else []
    return {"expr": f"count({series})", "eval_time": durations.text(at), "exp_samples": samples}


def _rounded(query: str, expected: Decimal, at: timedelta) -> Value:
    value = float(round(expected, _PRECISION))
    return {
        "expr": f"round(max({query}), 0.0001)",
        "eval_time": durations.text(at),
        "exp_samples": [{"labels": "{}", "value": int(value) if value == int(value) else value}],
    }
