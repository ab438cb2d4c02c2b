"""Which combinations of conditions on one label some value fulfils: exactly, with such a value for each. Pure.

Conditions that name texts (``=``, ``!=``, and patterns that only list texts) are told apart by those texts. All other
values are walked through the patterns together, character by character, each combination of what is left of the
patterns once. That ends, for a pattern has only so many derivatives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from monitor.routing import re2, regex
from monitor.routing.matchers import Matcher
from monitor.routing.regex import Node, Ranges

MOST_STATES = 5_000
"""Combinations of what is left of the patterns. Ten patterns that people write have some hundreds."""

ALWAYS_THERE = "alertname"
"""The label that every alert has: Alertmanager takes none without a name from Prometheus."""

_ANY = "other"
"""Asked first of all values that nobody names: it is plainer than what a walk through patterns finds."""

Choice = tuple[str, frozenset[Matcher]]
"""A value, and the conditions that it fulfils."""


class TooManyError(Exception):
    """The patterns are too involved for an answer."""


def choices(label: str, conditions: Sequence[Matcher]) -> tuple[Choice, ...]:
    """Return each combination of conditions that some value of the label fulfils, with the plainest such value.

    Raises:
        TooManyError: the patterns are too involved.
    """
    literals = set[str]()
    patterns: dict[str, Node] = {}
    for condition in conditions:
        listed = _listed(condition)
        if listed is None:
            patterns[condition.value] = re2.parse(condition.value)
        else:
            literals |= listed
    found: dict[frozenset[Matcher], str] = {}
    values = (*sorted(literals - {"", _ANY}), _ANY, "")
    for value in (*values, *_others(tuple(patterns.values()), frozenset(values))):
        if value or label != ALWAYS_THERE:
            found.setdefault(frozenset(one for one in conditions if one.accepts(value)), value)
    return tuple((value, fulfilled) for fulfilled, value in found.items())


def _listed(condition: Matcher) -> frozenset[str] | None:
    if condition.op in {"=", "!="}:
        return frozenset({condition.value})
    return regex.alternatives(re2.parse(condition.value))


def _others(patterns: tuple[Node, ...], literals: frozenset[str]) -> Iterator[str]:
    """One value that is no literal, and not empty, for each combination of patterns that such a value matches."""
    alphabet = _alphabet(patterns, literals)
    prefixes = {text[:length] for text in literals for length in range(len(text) + 1)}
    seen: set[tuple[tuple[Node, ...], str | None]] = set()
    told: set[tuple[bool, ...]] = set()
    waiting: deque[tuple[tuple[Node, ...], str]] = deque([(patterns, "")])
    while waiting:
        state, text = waiting.popleft()
        for char in alphabet:
            longer = text + chr(char)
            left = tuple(regex.after(node, char, start=not text) for node in state)
            key = (left, longer if longer in prefixes else None)
            if key in seen:
                continue
            if len(seen) >= MOST_STATES:
                raise TooManyError
            seen.add(key)
            waiting.append((left, longer))
            matched = tuple(regex.accepts_nothing_more(node, start=False, end=True) for node in left)
            if longer not in literals and matched not in told:
                told.add(matched)
                yield longer


def _alphabet(patterns: tuple[Node, ...], literals: frozenset[str]) -> tuple[int, ...]:
    """One character for each way in which the sets of the patterns tell characters apart, and those of the literals."""
    sets = sorted({chars for pattern in patterns for chars in regex.sets(pattern)})
    own = {ord(char) for text in literals for char in text}
    # The literals' own characters stand apart, so whatever range one of them lies in begins anew behind it.
    edges = {ord("x"), *own, *(char + 1 for char in own)}
    for chars in sets:
        for low, high in chars:
            edges |= {low, high + 1}
    usable = sorted(edge for edge in edges if edge <= regex.LAST and not 0xD800 <= edge <= 0xDFFF)  # noqa: PLR2004  # halves of pairs
    kept: dict[tuple[bool, ...] | int, int] = {}
    for char in sorted(usable, key=lambda char: (not chr(char).isalnum(), not chr(char).isprintable(), char)):
        kept.setdefault(char if char in own else tuple(_holds(chars, char) for chars in sets), char)
    return tuple(kept.values())


def _holds(chars: Ranges, char: int) -> bool:
    return any(low <= char <= high for low, high in chars)
