"""A series that a selector chooses and, where that can be, another one does not: made up for tests. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import promql_parser as ql

from monitor.catalogue.promql import parse, selectors
from monitor.routing import re2
from monitor.routing.choices import TooManyError, choices
from monitor.routing.matchers import Matcher, Operator

TARGET = {"job": "made-up", "instance": "made-up"}

_LABELS = re.compile(r'[{,](\w+)="([^"\\]*(?:\\.[^"\\]*)*)"')
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_OPERATORS: dict[str, Operator] = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
_PLAINEST = "other"
_AT_HAND = 128
"""How much is remembered of what queries read: the tests of one SLO ask for it one after another."""

Condition = tuple[Operator, str]
Asked = tuple[Condition, ...]
"""What is asked of one label."""


@lru_cache(maxsize=_AT_HAND)
def example(query: str, *, unlike: str = "") -> str:
    """A series that the query's first selector matches and, where possible, the ``unlike`` selector does not."""
    selector = next(selectors(parse(query)))
    own, others = _asked(selector), _asked(next(selectors(parse(unlike)))) if unlike else {}
    found = {label: _value(label, own.get(label, ()), others.get(label, ())) for label in others | own}
    return series(str(selector.name), {label: text.translate(_ESCAPES) for label, text in (TARGET | found).items()})


@lru_cache(maxsize=_AT_HAND)
def matches(selector: str, narrow: str) -> bool:
    """Whether what ``narrow`` chooses, or an example of it, is chosen by ``selector`` as well."""
    wide, other = (next(selectors(parse(text))) for text in (selector, narrow))
    if wide.name != other.name:
        return False
    values = {label: _value(label, asked, ()) for label, asked in _asked(other).items()}
    return all(
        _fulfils(condition, values.get(label, "")) for label, asked in _asked(wide).items() for condition in asked
    )


def labels(text: str) -> dict[str, str]:
    """The labels of a series, their values as they are written."""
    return dict(_LABELS.findall(text))


def series(name: str, written: Mapping[str, str]) -> str:
    """A series of a name and labels, their values as they are written."""
    inside = ",".join([f'{label}="{value}"' for label, value in sorted(written.items())])
    return f"{name}{{{inside}}}"


def _asked(selector: ql.VectorSelector) -> dict[str, Asked]:
    found: dict[str, Asked] = {}
    for one in selector.matchers.matchers:
        found[one.name] = (*found.get(one.name, ()), (_OPERATORS[str(one.op)], one.value))
    return found


@lru_cache(maxsize=_AT_HAND)
def _value(label: str, own: Asked, others: Asked) -> str:
    """A text that fulfils all of its own conditions and, where one can, not all of the others'."""
    apart = bool(others) and not set(others) <= set(own)
    guesses = [*map(_guess, own), _PLAINEST]
    sound = [one for one in guesses if all(_fulfils(condition, one) for condition in own)]
    for guess in sound:
        if not apart or not all(_fulfils(condition, guess) for condition in others):
            return guess
    mine, all_of_them = ({Matcher(label, *condition) for condition in some} for some in (own, others))
    try:
        found = [(text, met) for text, met in choices(label, (*mine, *all_of_them)) if met >= mine]
    except (TooManyError, ValueError):  # of what is not understood the guess is the best there is
        return guesses[0]
    unlike = (text for text, met in found if apart and not met >= all_of_them)
    return next(unlike, sound[0] if sound else found[0][0] if found else guesses[0])


def _guess(condition: Condition) -> str:
    """The plainest text that most conditions take; of a pattern, its first alternative."""
    operator, value = condition
    if operator == "=":
        return value
    if operator == "=~":
        return re.sub(r"\.[*+]", "made-up", value.split("|", maxsplit=1)[0]).replace("\\", "")
    return _PLAINEST


def _fulfils(condition: Condition, text: str) -> bool:
    operator, value = condition
    if operator in {"=", "!="}:
        return (operator == "=") == (text == value)
    try:
        return (operator == "=~") == re2.matches(value, text)
    except ValueError:  # a pattern that is not understood: taken to match what was guessed of it, and nothing else
        return (operator == "=~") == (text == _guess(("=~", value)))
