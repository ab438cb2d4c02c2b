"""What an alert says of itself: the labels that its text names are there, and the queries in it can be asked. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from monitor.catalogue import promql, templates
from monitor.catalogue.model import AlertRule, Catalogue
from monitor.check.finding import Finding, finding
from monitor.check.problem import Problem
from monitor.check.query_labels import impossible
from monitor.check.series import Declared
from monitor.render import carried

_LABEL = re.compile(r'\$labels\.(\w+)|index\s+\$labels\s+"(\w+)"')
_VALUE = re.compile(r"\$value\b|(?<![\w$])\.Value\b")
ROOTS = frozenset({".Labels", ".ExternalLabels", ".ExternalURL", ".Value"})
"""What Prometheus hands to a template."""
_HOLDS_FIELDS = frozenset({"variable", "field", "sign"})
"""What a field may belong to that stands before it: ``$labels.job``, ``(...).Value``."""
_VERB = re.compile(r"%[-+# 0-9.]*[a-zA-Z]")


def unfit_texts(catalogue: Catalogue) -> Iterator[Finding]:
    """Labels and annotations of alerts written by hand that would come out empty, wrong, or not at all."""
    declared, metrics = Declared(catalogue), carried.declared(catalogue)
    for group in catalogue.alerts:
        for rule in group.rules:
            found = [*_empty(rule, metrics), *_unknown_roots(rule), *_moving(rule), *_queries(rule, declared, metrics)]
            for code, message, remedy in found:
                yield finding(rule.place, code, f"{rule.name}: {message}", remedy)


def _empty(rule: AlertRule, metrics: carried.Metrics) -> Iterator[Problem]:
    """Labels that the expression drops. Those that the rule itself adds are not there yet when its text is made."""
    found = carried.of_query(promql.parse(rule.expr), metrics)
    if found.possible is None:
        return
    for where, text in _texts(rule):
        names = {first or second for action in templates.actions(text) for first, second in _LABEL.findall(action)}
        names |= {inner for outer, inner in roots(text) if outer == ".Labels" and inner}
        for name in sorted(names - found.possible - {"__name__"}):
            message = f"{where} names the label {name}, which its expression does not keep: nothing would stand there"
            kept = ", ".join(sorted(found.possible)) or "none"
            yield "empty-label", message, f"keep it in the expression, or use one of those it keeps: {kept}"


def _unknown_roots(rule: AlertRule) -> Iterator[Problem]:
    for where, text in _texts(rule):
        for field in sorted({outer for outer, _ in roots(text)} - ROOTS):
            message = (
                f"{where} asks for {{{{ {field} }}}}, which Prometheus does not hand it: an error would stand there"
            )
            yield "unknown-field", message, f"write $labels{field}, or one of {', '.join(sorted(ROOTS))}"


def roots(text: str) -> Iterator[tuple[str, str]]:
    """Fields that a template takes of what it is handed, each with the name behind it (``.Labels``, ``job``).

    Within ``range`` and ``with`` the dot is something else, so nothing is said of what stands there.
    """
    moved: list[bool] = []
    for action in templates.actions(text):
        words = list(templates.lexed(action))
        first = words[0][1] if words else ""
        if first == "end" and moved:
            moved.pop()
        elif not any(moved):
            yield from _fields(words)
        if first in {"range", "with", "if", "define", "block"}:
            moved.append(first != "if")


def _fields(words: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for index, (kind, word) in enumerate(words):
        before = words[index - 1][0] if index else ""
        after, name = words[index + 1] if index + 1 < len(words) else ("", "")
        if kind == "field" and before not in _HOLDS_FIELDS:
            yield word, name.removeprefix(".") if after == "field" else ""


def _moving(rule: AlertRule) -> Iterator[Problem]:
    for name, text in rule.labels.items():
        if any(_VALUE.search(action) for action in templates.actions(text)):
            message = f"its label {name} holds the value: each evaluation ends the alert and begins another"
            yield "moving-label", message, "say the value in an annotation"


def _queries(rule: AlertRule, declared: Declared, metrics: carried.Metrics) -> Iterator[Problem]:
    for where, text in _texts(rule):
        for query in queries(text):
            try:
                expr = promql.parse(query)
            except ValueError as error:
                yield "no-promql", f"the query {query} in {where} {error}", "correct it"
                continue
            for selector in promql.selectors(expr):
                for found in declared.problems(rule.place, selector):
                    yield found.code, f"{where}: {found.message}", found.remedy
            yield from ((code, f"{where}: {message}", remedy) for code, message, remedy in impossible(expr, metrics))


def queries(text: str) -> Iterator[str]:
    """The queries that a template asks, with something in the place of what is put in when it is asked."""
    for action in templates.actions(text):
        words = list(templates.lexed(action))
        texts = [_unquoted(word) for kind, word in words if kind == "text"]
        if ("word", "query") in words and texts:
            printed = ("word", "printf") in words
            yield _VERB.sub(_stand_in, texts[0]) if printed else texts[0]


def _stand_in(verb: re.Match[str]) -> str:
    if verb[0].endswith("q"):
        return '"x"'
    return "x" if verb[0].endswith(("s", "v")) else "1"


def _unquoted(literal: str) -> str:
    if literal.startswith("`"):
        return literal[1:-1]
    try:
        return str(json.loads(literal))
    except ValueError:  # an escape that Go knows and JSON does not
        return literal[1:-1]


def _texts(rule: AlertRule) -> Iterator[tuple[str, str]]:
    yield from ((f"label {name}", text) for name, text in rule.labels.items())
    yield from ((f"annotation {name}", text) for name, text in rule.annotations.items())
