"""What the generated tests ask of rules, in promtool's form. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from monitor.catalogue import durations, templates
from monitor.catalogue.model import AlertRule
from monitor.render.pattern import burn_rate, figure
from monitor.render.yaml_text import Value, Written, inline
from monitor.slo import names, promql
from monitor.slo.stand_in import Owner

FOLDER = "rules/tests"
SECOND = timedelta(seconds=1)


def firing(slo: Owner, alert: str, state: str = "firing") -> str:
    """The series by which an alert of an SLO shows."""
    return f'ALERTS{{alertname="{alert}",alertstate="{state}",{names.SLO_LABEL}="{slo.name}"}}'


def any_burning(slo: Owner) -> str:
    """The series by which any burn alert of an SLO shows."""
    return f'ALERTS{{alertname=~"ErrorBudgetBurn.*",{names.SLO_LABEL}="{slo.name}"}}'


def count(series: str, expected: int, at: timedelta) -> Written:
    """So many series are there at a time."""
    return _answered(f"count({series})", at, str(expected) if expected else None)


def absent(series: str, at: timedelta) -> Written:
    """A series is not there at a time."""
    return _answered(series, at, None)


def rounded(query: str, expected: Decimal, at: timedelta) -> Written:
    """A query answers a number, to four digits behind the point."""
    return _answered(f"round(max({query}), 0.0001)", at, figure(expected))


def burning(slo: Owner, window: str, share: Decimal, at: timedelta) -> Written:
    """The burn rate over a window in which this share of events was bad."""
    return _answered(f"round(max({whole(names.BURN_RATE, slo, window)}), 0.0001)", at, burn_rate(slo, share))


def _answered(query: str, at: timedelta, value: str | None) -> Written:
    """A query answers one number, or nothing."""
    samples = " []" if value is None else f'\n    - labels: "{{}}"\n      value: {value}'
    return Written(f"- expr: {inline(query)}\n  eval_time: {durations.text(at)}\n  exp_samples:{samples}")


def whole(name: str, slo: Owner, window: str = "") -> str:
    """A recorded series by all its labels: who reads it relies on each."""
    of_window = f',{names.WINDOW_LABEL}="{window}"' if window else ""
    return f'{name}{{{names.SLO_LABEL}="{slo.name}",{names.SERVICE_LABEL}="{slo.service}"{of_window}}}'


def figures(slo: Owner, window: str, bad: Decimal, total: Decimal, covered: Decimal, at: timedelta) -> Iterator[Value]:
    """Everything that is recorded of a window in which so many events were bad, of which so much is covered."""
    yield rounded(whole(names.BAD_SUM, slo, window), bad, at)
    yield rounded(whole(names.TOTAL_SUM, slo, window), total, at)
    yield rounded(whole(names.COVERAGE, slo, window), covered, at)
    yield rounded(whole(names.SLI, slo, window), 1 - bad / total, at)
    yield burning(slo, window, bad / total, at)


def recorded(slo: Owner, name: str, values: str, window: str = "") -> Written:
    """A series as the rules would record it."""
    return given(whole(name, slo, window), values)


def given(series: str, values: str) -> Written:
    """A series as it is made up, in promtool's notation."""
    return Written(f"- series: {inline(series)}\n  values: {inline(values)}")


def alert_case(alert: str, at: timedelta, rule: AlertRule | None, texts: dict[str, str] | None = None) -> Value:
    """An alert fires at a time as the rule says, with these texts for those that are templates; or does not fire."""
    if rule is None:
        return {"eval_time": durations.text(at), "alertname": alert, "exp_alerts": []}
    expected = {
        "exp_labels": dict(sorted(rule.labels.items())),
        "exp_annotations": dict(sorted((_shown(rule, at) | (texts or {})).items())),
    }
    return {"eval_time": durations.text(at), "alertname": alert, "exp_alerts": [expected]}


def test(
    name: str, slo: Owner, interval: timedelta, series: Iterable[Value], checks: Mapping[str, Sequence[Value]]
) -> Value:
    """One test; ``checks`` are those of alerts and those of queries."""
    made: dict[str, Value] = {"name": f"{slo.name}: {name}", "interval": durations.text(interval)}
    lists = {"input_series": list(series), **checks}
    return made | {key: value for key, value in lists.items() if value}


def _shown(rule: AlertRule, at: timedelta) -> dict[str, str]:
    """The annotations as they are sent, but for those that are templates."""
    filled = rule.annotations | {"dashboard_url": at_time(rule.annotations["dashboard_url"], at)}
    return {name: text for name, made in filled.items() if (text := templates.shown(made)) is not None}


def at_time(template: str, at: timedelta) -> str:
    """A link's address as it is when an alert is evaluated at this time of a test."""
    head, opening, rest = template.partition("{{")
    if not opening:
        return template
    tail = rest.rpartition("}}")[2]
    return f"{head}{(at // SECOND - 3600) * 1000}{tail}"


def humanize_duration(seconds: float) -> str:
    """A span of a second or more as Prometheus's ``humanizeDuration`` writes it."""
    whole = int(seconds)
    days, hours, minutes, rest = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if days:
        return f"{days}d {hours}h {minutes}m {rest}s"
    if hours:
        return f"{hours}h {minutes}m {rest}s"
    return f"{minutes}m {rest}s" if minutes else f"{seconds:.4g}s"


def humanize_percentage(share: float) -> str:
    """A share as Prometheus's ``humanizePercentage`` writes it."""
    return f"{share * 100:.4g}%"


def number(value: Decimal) -> str:
    """A number in a test."""
    return promql.number(value)
