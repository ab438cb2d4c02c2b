"""Reading RE2's syntax, as far as people write it in matchers; what is not understood is refused, never guessed."""

from __future__ import annotations

import re
from functools import lru_cache
from math import prod

from monitor.routing import regex
from monitor.routing.regex import EMPTY, LAST, Chars, Edge, Node, Ranges, alt, cat, inverse, ranges, star

MOST_COPIES = 200
"""How often ``x{2,5}`` may copy. RE2 takes a thousand; nobody writes such a matcher."""
MOST_NESTED = 100
MOST_LETTERS = 10_000

_COUNTS = re.compile(r"(?<=[{,])0*([1-9][0-9]*)(?=[},])")
_QUOTED = re.compile(r"\\(?:Q(.*?)(?:\\E|$)|.)", re.DOTALL)
"""``\\Q...\\E``, whose signs mean themselves; or any other escape, so that ``\\\\Q`` is none."""
_DIGIT = ranges((48, 57))
_WORD = ranges((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE = ranges((9, 10), (12, 13), (32, 32))
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROL = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}
_POSIX = {
    "alpha": ranges((65, 90), (97, 122)),
    "digit": _DIGIT,
    "alnum": ranges((48, 57), (65, 90), (97, 122)),
    "upper": ranges((65, 90)),
    "lower": ranges((97, 122)),
    "space": ranges((9, 13), (32, 32)),
    "word": _WORD,
    "punct": ranges((33, 47), (58, 64), (91, 96), (123, 126)),
    "xdigit": ranges((48, 57), (65, 70), (97, 102)),
}
_ANY_BUT_NEWLINE = inverse(ranges((10, 10)))
_ANY: Ranges = ((0, LAST),)


@lru_cache(maxsize=10_000)
def parse(pattern: str) -> Node:
    """Read a pattern.

    Raises:
        ValueError: RE2 would refuse it, or it uses what is not understood here (word boundaries, Unicode classes).
    """
    if len(pattern) > MOST_LETTERS:
        raise ValueError(f"is a regular expression of more than {MOST_LETTERS} characters")
    reader = _Reader(pattern)
    node = reader.choices(_Flags(), 0)
    if reader.rest:
        raise reader.error("has a ) too many")
    return node


class _Flags:
    """``i``: letters of either case; ``s``: a dot takes a newline too."""

    def __init__(self, *, fold: bool = False, dotall: bool = False) -> None:
        self.fold = fold
        self.dotall = dotall

    def copy(self) -> _Flags:
        return _Flags(fold=self.fold, dotall=self.dotall)


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = _QUOTED.sub(lambda found: found[0] if found[1] is None else re.escape(found[1]), pattern)
        self.at = 0

    @property
    def rest(self) -> str:
        return self.pattern[self.at :]

    def error(self, what: str) -> ValueError:
        return ValueError(f"{self.pattern!r} {what}")

    def take(self, expected: str = "") -> str:
        """Read one character, or ``expected`` if it is next (else nothing)."""
        if expected:
            if not self.pattern.startswith(expected, self.at):
                return ""
            self.at += len(expected)
            return expected
        if self.at >= len(self.pattern):
            raise self.error("ends too soon")
        self.at += 1
        return self.pattern[self.at - 1]

    def choices(self, flags: _Flags, depth: int) -> Node:
        if depth > MOST_NESTED:
            raise self.error(f"is nested deeper than {MOST_NESTED}")
        found = [self.sequence(flags, depth)]
        while self.take("|"):
            found.append(self.sequence(flags, depth))
        return alt(*found)

    def sequence(self, flags: _Flags, depth: int) -> Node:
        parts: list[Node] = []
        while self.rest and self.rest[0] not in "|)":
            start = self.at
            parts.append(self.repeated(self.atom(flags, depth), start))
        return cat(*parts)

    def repeated(self, node: Node, start: int) -> Node:
        """Read what follows an atom that begins at ``start``: how often it comes."""
        while self.rest:
            if self.take("*"):
                node = star(node)
            elif self.take("+"):
                node = cat(node, star(node))
            elif self.take("?"):
                node = alt(node, EMPTY)
            elif (counts := self.counts()) is not None:
                if prod(int(count) for count in _COUNTS.findall(self.pattern[start : self.at])) > MOST_COPIES:
                    raise self.error(f"copies a part more than {MOST_COPIES} times")
                node = _copies(node, *counts)
            else:
                return node
            self.take("?")  # how greedy it is changes nothing about which texts match as a whole
        return node

    def counts(self) -> tuple[int, int | None] | None:
        """Read ``{2}``, ``{2,}`` or ``{2,5}``; anything else that begins with a brace is that brace."""
        inside, closed, _ = self.rest[1:].partition("}")
        low, comma, high = inside.partition(",")
        if not self.rest.startswith("{") or not closed or not low.isdecimal() or (high and not high.isdecimal()):
            return None
        least, most = int(low), int(high) if high else None if comma else int(low)
        if most is not None and most < least:
            raise self.error(f"has {{{inside}}}, which ends before it begins")
        self.at += len(inside) + 2
        return least, most

    def atom(self, flags: _Flags, depth: int) -> Node:
        match char := self.take():
            case "(":
                found = self.group(flags, depth)
            case "[":
                found = Chars(self.char_class(flags))
            case ".":
                found = Chars(_ANY if flags.dotall else _ANY_BUT_NEWLINE)
            case "^" | "$":
                found = Edge(at_start=char == "^")
            case "\\":
                found = self.escaped(flags)
            case "*" | "+" | "?":
                raise self.error(f"has {char} with nothing before it")
            case _:
                found = Chars(_folded(ranges((ord(char), ord(char))), flags))
        return found

    def group(self, flags: _Flags, depth: int) -> Node:
        inner = flags.copy()
        if self.take("?"):
            if self.take("P<") or self.take("<"):
                name, closed, _ = self.rest.partition(">")
                if not closed or not name.isidentifier():
                    raise self.error("has a group without a proper name")
                self.at += len(name) + 1
            elif self.set_flags(inner):
                flags.fold, flags.dotall = inner.fold, inner.dotall
                return EMPTY
        node = self.choices(inner, depth + 1)
        if not self.take(")"):
            raise self.error("has a ( without its )")
        return node

    def set_flags(self, flags: _Flags) -> bool:
        """Read ``i:`` or ``i)`` after ``(?``; tells whether the group ends with them and they hold for what follows."""
        on = True
        while True:
            match char := self.take():
                case ":":
                    return False
                case ")":
                    return True
                case "-":
                    on = False
                case "i":
                    flags.fold = on
                case "s":
                    flags.dotall = on
                case "U":
                    continue
                case _:
                    raise self.error(f"has (?{char}, which is not understood here")

    def escaped(self, flags: _Flags) -> Node:
        char = self.take()
        if char == "A":
            return Edge(at_start=True)
        if char == "z":
            return Edge(at_start=False)
        found = self.class_escape(char)
        return Chars(found if char.lower() in _CLASSES else _folded(found, flags))

    def class_escape(self, char: str) -> Ranges:
        """Read what follows a backslash, inside a class or outside."""
        if char.lower() in _CLASSES:
            found = _CLASSES[char.lower()]
            return found if char.islower() else inverse(found)
        if char in _CONTROL:
            return ranges((_CONTROL[char], _CONTROL[char]))
        if char == "x":
            digits = self.hexadecimal()
            return ranges((digits, digits))
        if char.isalnum():
            raise self.error(f"has \\{char}, which is not understood here")
        return ranges((ord(char), ord(char)))

    def hexadecimal(self) -> int:
        if self.take("{"):
            digits, closed, _ = self.rest.partition("}")
            self.at += len(digits) + 1
        else:
            digits, closed = self.take() + self.take(), "}"
        try:
            code = int(digits, 16)
        except ValueError:
            code = LAST + 1
        if not closed or code > LAST:
            raise self.error("has an \\x that is no character")
        return code

    def char_class(self, flags: _Flags) -> Ranges:
        negative = bool(self.take("^"))
        found: list[tuple[int, int]] = []
        first = True
        while first or not self.take("]"):
            first = False
            found += self.class_item()
        chars = _folded(ranges(*found), flags)
        return inverse(chars) if negative else chars

    def class_item(self) -> Ranges:
        if self.take("[:"):
            name, closed, _ = self.rest.partition(":]")
            self.at += len(name) + 2
            known = _POSIX.get(name.removeprefix("^"))
            if not closed or known is None:
                raise self.error(f"has [:{name}:], which is not understood here")
            return inverse(known) if name.startswith("^") else known
        low = self.class_char()
        if len(low) != 1 or low[0][0] != low[0][1] or not self.rest.startswith("-") or self.rest.startswith("-]"):
            return low
        self.take("-")
        high = self.class_char()
        if len(high) != 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
            raise self.error("has a range of characters that ends before it begins")
        return ranges((low[0][0], high[0][0]))

    def class_char(self) -> Ranges:
        char = self.take()
        return self.class_escape(self.take()) if char == "\\" else ranges((ord(char), ord(char)))


def _folded(chars: Ranges, flags: _Flags) -> Ranges:
    """Letters of either case. Of wide ranges only ASCII's are looked at: nobody writes others without meaning both."""
    if not flags.fold:
        return chars
    both = list(chars)
    for low, high in chars:
        members = range(low, high + 1) if high - low < MOST_COPIES else range(max(low, 65), min(high, 122) + 1)
        for char in members:
            both += [(ord(other),) * 2 for other in {chr(char).lower(), chr(char).upper()} if len(other) == 1]
    return ranges(*both)


def _copies(node: Node, least: int, most: int | None) -> Node:
    tail = [star(node)] if most is None else [alt(EMPTY, node)] * (most - least)
    return cat(*[node] * least, *tail)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches."""
    return regex.matches(parse(pattern), text)
