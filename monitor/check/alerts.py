"""Every alert can fire, goes somewhere, has a page that says what to do, and has been seen to fire in a test."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches

import promql_parser as ql

from monitor.catalogue import durations, promql
from monitor.catalogue.model import AlertRule, Catalogue, Place, Slo
from monitor.check.finding import Finding, finding
from monitor.check.routes import NOTIFYING
from monitor.render.runbooks import HEADINGS, is_of_alert, runbook_path
from monitor.slo import burning, windows

SAID = ("impact", "action")
"""Annotations that a person who is woken needs beside the summary."""


def never_fires(catalogue: Catalogue) -> Iterator[Finding]:
    """Burn alerts that total failure does not reach."""
    for slo in catalogue.slos:
        for pair in burning.burn_pairs(slo):
            if not burning.can_fire(slo, pair):
                highest = f"{float(burning.highest_burn(slo)):.3g}"
                message = (
                    f"{slo.name}: {pair.alert} can never fire: it waits for a burn rate above {pair.factor}, "
                    f"and total failure is {highest}"
                )
                yield finding(slo.place, "never-fires", message, "raise the objective, or alert on something else")


def untested(catalogue: Catalogue) -> Iterator[Finding]:
    """Alerts written by hand that no test shows firing, silent and pending."""
    tested = list(_tests(catalogue))
    for group in catalogue.alerts:
        for rule in group.rules:
            missing = [case for case in _cases(rule) if (rule.name, case) not in tested]
            if missing:
                message = f"{rule.name} has no test in which it is {' or '.join(missing)}"
                stem = rule.place.file.removesuffix(".yaml")
                yield finding(rule.place, "no-test", message, f"add one to {stem}.test.yaml (promtool's form)")


def strange_tests(catalogue: Catalogue, rules: Iterable[AlertRule]) -> Iterator[Finding]:
    """Tests of alerts that there are not (``rules`` are all): what says that they are silent passes, come what may."""
    names = {rule.name for rule in rules}
    for file, tests in sorted(catalogue.alert_tests.items()):
        place = Place(file=f"alerts/{file}")
        for name in sorted({case.alertname for test in tests for case in test.alert_rule_test} - names):
            near = get_close_matches(name, names, n=1)
            remedy = f"did you mean {near[0]}?" if near else "remove it, or name one that is there"
            yield finding(place, "no-such-alert", f"a test is about {name}, and there is no such alert", remedy)


def unsaid(catalogue: Catalogue) -> Iterator[Finding]:
    """Alerts that people hear of, and that do not say what it means to users or what to do."""
    for rule in (rule for group in catalogue.alerts for rule in group.rules):
        missing = [name for name in SAID if not rule.annotations.get(name, "").strip()]
        if missing and rule.attention in NOTIFYING:
            message = f"{rule.name} does not say its {' or '.join(missing)}"
            yield finding(
                rule.place, "unsaid", message, f"add the annotation {missing[0]}: its message is read at night"
            )


def without_runbook(
    rules: Iterable[AlertRule], pages: Mapping[str, str], elsewhere: Collection[str] = ()
) -> Iterator[Finding]:
    """Alerts without a page, or with one that does not answer what every page answers.

    Those in ``elsewhere`` have one at an address of their own, which nobody here can read.
    """
    seen = set(elsewhere)
    for rule in rules:
        if rule.name in seen:
            continue
        seen.add(rule.name)
        path = runbook_path(rule.name)
        if path not in pages:
            yield finding(
                rule.place, "no-runbook", f"{rule.name} has no runbook", f"`monitor generate`, then write {path}"
            )
            continue
        empty = [heading.removeprefix("## ") for heading in HEADINGS if not _section(pages[path], heading)]
        if empty:
            message = f"{path} says nothing under {', '.join(empty)}"
            yield Finding(
                file=path, line=0, code="empty-runbook", message=message, remedy="write it for someone woken at night"
            )
    known = set(map(runbook_path, seen))
    for path in filter(is_of_alert, sorted(pages)):
        if path not in known:
            yield Finding(
                file=path, line=0, code="orphan-runbook", message="no alert leads here", remedy="remove the page"
            )


def beyond_retention(catalogue: Catalogue) -> Iterator[Finding]:
    """Windows and ranges that look further back than samples are kept."""
    kept = catalogue.environment.retention
    for slo in catalogue.slos:
        if loses := lost(slo, kept, durations.text(kept)):
            remedy = "raise the environment's retention, or shorten the window"
            yield finding(slo.place, "beyond-retention", loses, remedy)
    for group in catalogue.alerts:
        for rule in group.rules:
            if any(span > kept for span in _ranges(promql.parse(rule.expr))):
                message = f"{rule.name} looks further back than samples are kept ({durations.text(kept)})"
                yield finding(
                    rule.place, "beyond-retention", message, "raise the environment's retention, or shorten the range"
                )


def lost(slo: Slo, kept: timedelta, shown: str) -> str:
    """What of an SLO's window is lost where samples are kept for so long; empty where nothing is.

    A calendar window is the sum of days that are sealed once they are over, so it needs no more than its burn alerts.
    """
    slowest = windows.LONG_WINDOWS[-1]
    if slo.window.calendar is None and slo.window.duration > kept:
        return f"{slo.name} is judged over {slo.window.text}, and samples are kept for {shown}"
    if slowest > kept:
        return f"the alerts of {slo.name} look back for {durations.text(slowest)}, and samples are kept for {shown}"
    return ""


def _ranges(expr: ql.Expr) -> Iterator[timedelta]:
    """How far back each series is read."""
    for part in promql.every_part(expr):
        match part:
            case ql.SubqueryExpr():
                yield (part.range or timedelta(0)) + (part.offset or timedelta(0))
            case ql.MatrixSelector():
                yield part.range + (part.vector_selector.offset or timedelta(0))
            case ql.VectorSelector() if part.offset is not None:
                yield part.offset


def _cases(rule: AlertRule) -> Iterator[str]:
    yield "firing"
    if any(promql.selectors(promql.parse(rule.expr))):
        yield "silent"
    if rule.hold:
        yield "pending"


def _tests(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for test in (test for tests in catalogue.alert_tests.values() for test in tests):
        for case in test.alert_rule_test:
            yield case.alertname, "firing" if case.exp_alerts else "silent"
        for query in test.promql_expr_test:
            yield from _pending(query.expr, bool(query.exp_samples))


def _pending(query: str, expected: bool) -> Iterator[tuple[str, str]]:  # noqa: FBT001  # one of two words would say less
    for selector in promql.selectors(promql.parse(query)):
        labels = {matcher.name: str(matcher.value) for matcher in selector.matchers.matchers}
        if expected and selector.name == "ALERTS" and labels.get("alertstate") == "pending":
            yield labels.get("alertname", ""), "pending"


def _section(page: str, heading: str) -> str:
    _, found, rest = page.partition(f"\n{heading}\n")
    return rest.partition("\n## ")[0].strip() if found else ""
