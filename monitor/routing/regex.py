"""Alertmanager's regular expressions (RE2), as sets of texts that can be asked questions which ``re`` cannot answer.

A pattern becomes a value whose *derivative* by a character is the pattern of what may follow it (Brzozowski). So a text
is matched in linear time, as RE2 does, and all patterns on one label can be walked together to learn which combinations
of them any text can match at all: that is how a route that no alert reaches is found (``monitor.routing.reach``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

LAST = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]
"""Characters as sorted ranges that neither touch nor overlap, both ends included."""
FEW = 10
"""Characters in a row that ``a|b|c`` is taken to have listed."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set; of the empty set: nothing at all."""

    ranges: Ranges

    def holds(self, char: int) -> bool:
        """Whether the character is one of them."""
        return any(low <= char <= high for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class Cat:
    """One pattern after another; of none: the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """Any of some patterns."""

    choices: frozenset[Node]


@dataclass(frozen=True, slots=True)
class Star:
    """A pattern any number of times."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Edge:
    """The beginning of the text (``^``) or its end (``$``)."""

    at_start: bool


Node = Chars | Cat | Alt | Star | Edge

NOTHING: Node = Chars(())
EMPTY: Node = Cat(())


def ranges(*pairs: tuple[int, int]) -> Ranges:
    """Sort ranges and join those that touch."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(pairs):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def inverse(chars: Ranges) -> Ranges:
    """Every other character."""
    found, start = [], 0
    for low, high in chars:
        if start < low:
            found.append((start, low - 1))
        start = high + 1
    return (*found, (start, LAST)) if start <= LAST else tuple(found)


def cat(*parts: Node) -> Node:
    """One after another, in one form for one meaning, so that what is equal compares equal."""
    flat: list[Node] = []
    for part in parts:
        if part == NOTHING:
            return NOTHING
        flat.extend(part.parts if isinstance(part, Cat) else (part,))
    return flat[0] if len(flat) == 1 else Cat(tuple(flat))


def alt(*choices: Node) -> Node:
    """Any of these, in one form for one meaning."""
    flat: set[Node] = set()
    for choice in choices:
        flat |= choice.choices if isinstance(choice, Alt) else {choice}
    singles = [choice.ranges for choice in flat if isinstance(choice, Chars)]
    flat = {choice for choice in flat if not isinstance(choice, Chars)}
    if chars := ranges(*(pair for single in singles for pair in single)):
        flat.add(Chars(chars))
    if not flat:
        return NOTHING
    return next(iter(flat)) if len(flat) == 1 else Alt(frozenset(flat))


def star(inner: Node) -> Node:
    """Any number of times."""
    return inner if isinstance(inner, Star) else EMPTY if inner in {NOTHING, EMPTY} else Star(inner)


@lru_cache(maxsize=100_000)
def accepts_nothing_more(node: Node, *, start: bool, end: bool) -> bool:
    """Whether the empty text matches here; ``start`` and ``end`` say whether this is that edge of the whole text."""
    match node:
        case Chars():
            return False
        case Cat(parts):
            return all(accepts_nothing_more(part, start=start, end=end) for part in parts)
        case Alt(choices):
            return any(accepts_nothing_more(choice, start=start, end=end) for choice in choices)
        case Star():
            return True
        case Edge(at_start):
            return start if at_start else end


@lru_cache(maxsize=100_000)
def after(node: Node, char: int, *, start: bool = False) -> Node:
    """What may follow, once ``char`` was read; ``start``: it is the first of the text."""
    match node:
        case Chars():
            return EMPTY if node.holds(char) else NOTHING
        case Cat(parts):
            return _after_parts(parts, char, start=start)
        case Alt(choices):
            return alt(*(after(choice, char, start=start) for choice in choices))
        case Star(inner):
            return cat(after(inner, char, start=start), _past_start(node))
        case Edge():
            return NOTHING


def _after_parts(parts: tuple[Node, ...], char: int, *, start: bool) -> Node:
    found: list[Node] = []
    for index, part in enumerate(parts):
        rest = (_past_start(other) for other in parts[index + 1 :])
        found.append(cat(after(part, char, start=start), *rest))
        if not accepts_nothing_more(part, start=start, end=False):
            break
    return alt(*found)


@lru_cache(maxsize=10_000)
def _past_start(node: Node) -> Node:
    """Return the pattern where at least one character has been read: ``^`` matches no more."""
    match node:
        case Edge(at_start=True):
            return NOTHING
        case Cat(parts):
            return cat(*map(_past_start, parts))
        case Alt(choices):
            return alt(*map(_past_start, choices))
        case Star(inner):
            return star(_past_start(inner))
        case _:
            return node


def matches(node: Node, text: str) -> bool:
    """Whether the whole text matches."""
    start = True
    for char in text:
        node, start = after(node, ord(char), start=start), False
        if node == NOTHING:
            return False
    return accepts_nothing_more(node, start=start, end=True)


def alternatives(node: Node) -> frozenset[str] | None:
    """The texts of a pattern that only lists some, as ``critical|warning`` does; ``None`` for any other."""
    match node:
        case Alt(choices):
            listed = [alternatives(choice) for choice in choices]
            return None if None in listed else frozenset[str]().union(*(one for one in listed if one is not None))
        case Cat(parts):
            single = [_single(part) for part in parts]
            return None if None in single else frozenset({"".join(one for one in single if one is not None)})
        case Chars(chars):
            few = all(high - low < FEW for low, high in chars)
            return frozenset(chr(char) for low, high in chars for char in range(low, high + 1)) if few else None
        case _:
            return None


def _single(node: Node) -> str | None:
    if isinstance(node, Chars) and len(node.ranges) == 1 and node.ranges[0][0] == node.ranges[0][1]:
        return chr(node.ranges[0][0])
    return None


def sets(node: Node) -> Iterator[Ranges]:
    """Every set of characters in a pattern."""
    match node:
        case Chars(chars):
            yield chars
        case Cat(parts):
            for part in parts:
                yield from sets(part)
        case Alt(choices):
            for choice in choices:
                yield from sets(choice)
        case Star(inner):
            yield from sets(inner)
        case Edge():
            return
