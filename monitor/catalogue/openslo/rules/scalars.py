"""Rules of single values: texts, numbers, booleans. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from monitor.catalogue.openslo.rules.violation import Rule, Violation, called


def text(*rules: Rule) -> Rule:
    """A text, and what else holds for it."""

    def check(value: Any, path: str) -> Iterator[Violation]:
        if not isinstance(value, str):
            yield Violation(path, "type", f"must be text, not {called(value)}")
            return
        for rule in rules:
            yield from rule(value, path)

    return check


def number(
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    why: str = "",
) -> Rule:
    """A number within limits; ``why`` says what would be wrong with one beyond them."""
    limits: tuple[tuple[str, float | None, Callable[[Any, Any], bool], str], ...] = (
        ("greater_than", above, lambda value, limit: value > limit, "above"),
        ("greater_than_or_equal_to", least, lambda value, limit: value >= limit, "at least"),
        ("less_than", below, lambda value, limit: value < limit, "below"),
        ("less_than_or_equal_to", most, lambda value, limit: value <= limit, "at most"),
    )
    words = " and ".join(f"{word} {limit:g}" for _, limit, _, word in limits if limit is not None)

    def check(value: Any, path: str) -> Iterator[Violation]:
        if type(value) not in {int, float}:
            yield Violation(path, "type", f"must be a number, not {called(value)}")
            return
        for code, limit, holds, _ in limits:
            if limit is not None and not holds(value, limit):
                yield Violation(path, code, f"must be {words}, not {called(value)}" + (why and f": {why}"))

    return check


def true_or_false(value: Any, path: str) -> Iterator[Violation]:
    """A boolean."""
    if not isinstance(value, bool):
        yield Violation(path, "type", f"must be true or false, not {called(value)}")


def anything(_value: Any, _path: str) -> Iterator[Violation]:
    """Whatever somebody wants to write there."""
    return iter(())


def one_of(*words: str) -> Rule:
    """One of these words."""

    def check(value: Any, path: str) -> Iterator[Violation]:
        if value not in words:
            yield Violation(path, "one_of", f"must be one of {', '.join(words)}, not {called(value)}")

    return check


def equal_to(word: str) -> Rule:
    """This word and no other."""

    def check(value: Any, path: str) -> Iterator[Violation]:
        if value != word:
            yield Violation(path, "equal_to", f"must be {word}, not {called(value)}")

    return check


def at_most(letters: int) -> Rule:
    """A text no longer than this."""

    def check(value: Any, path: str) -> Iterator[Violation]:
        if len(value) > letters:
            yield Violation(path, "string_max_length", f"must be at most {letters} characters, not {len(value)}")

    return check


def matching(pattern: re.Pattern[str], words: str, code: str = "string_match_regexp") -> Rule:
    """A text of this form; ``words`` say it to people."""

    def check(value: Any, path: str) -> Iterator[Violation]:
        if not pattern.fullmatch(value):
            yield Violation(path, code, f"must be {words}, not {called(value)}")

    return check
