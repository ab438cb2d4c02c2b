"""Texts that Prometheus or Alertmanager read as Go templates: would they take them? Pure.

Not a whole parser: it finds what keeps Prometheus from loading a file, and Alertmanager from sending a notification (an
action that is not closed, a block without its end, a name that nobody knows). What a template gives is for promtool's
tests to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_OPENS = frozenset({"if", "range", "with", "define", "block"})
_WORDS = frozenset({"else", "end", "template", "true", "false", "nil"}) | _OPENS
_OF_PROMETHEUS = """
    query first label value sortByLabel stripPort stripDomain tableLink graphLink externalURL pathPrefix parseDuration
    toTime humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp title toUpper toLower match
    reReplaceAll args safeHtml strvalue
"""
_OF_GO = "and call html index slice js len not or print printf println urlquery eq ge gt le lt ne"
_OF_ALERTMANAGER = """
    toUpper toLower title join match safeHtml reReplaceAll stringSlice trimSpace
    append date dict humanizeDuration list now safeUrl since toJson tz urlUnescape break continue
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Who reads a template, and which names it knows there."""

    reader: str
    functions: frozenset[str]
    variables: frozenset[str]


PROMETHEUS = Dialect(
    reader="Prometheus",
    functions=frozenset(f"{_OF_PROMETHEUS} {_OF_GO}".split()),
    variables=frozenset({"$", "$labels", "$externalLabels", "$externalURL", "$value"}),
)
"""As of Prometheus 2.42, the oldest that is run here."""

ALERTMANAGER = Dialect(
    reader="Alertmanager",
    functions=frozenset(f"{_OF_ALERTMANAGER} {_OF_GO}".split()),
    variables=frozenset({"$"}),
)
"""The first line as of 0.25, the second as of 0.33 (tried with amtool)."""

_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*')
    |(?P<field>\.[A-Za-z_]\w*)
    |(?P<variable>\$\w*)
    |(?P<number>[-+]?[0-9][\w.]*)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<sign>:=|[=|(),.])
    |(?P<gap>\s+)""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"\{\{(?:- )?/\*.*?\*/(?: -)?\}\}", re.DOTALL)


_BRACES = '{{"{{"}}'


def escape(text: str) -> str:
    """The text such that it is shown as it stands: what looks like a template in it is none."""
    return text.replace("{{", _BRACES)


def shown(text: str) -> str | None:
    """What Prometheus makes of a text without a template, which ``escape`` may have gone over; ``None`` with one."""
    if "{{" not in text:
        return text
    parts = text.split(_BRACES)
    return None if any("{{" in part for part in parts) else "{{".join(parts)


def check(text: str, dialect: Dialect = PROMETHEUS) -> None:
    """See whether its reader would take a text.

    Raises:
        ValueError: it would not; the message says why.
    """
    try:
        _check(text, dialect)
    except ValueError as error:
        raise ValueError(f"is no template that {dialect.reader} reads: {error}") from error


def _check(text: str, dialect: Dialect) -> None:
    declared = set(dialect.variables)
    blocks: list[str] = []
    for action in actions(_COMMENT.sub("", text)):
        tokens = list(lexed(action))
        first = tokens[0][1] if tokens else ""
        if not first:
            raise ValueError("{{ }} is empty")
        if first in _OPENS and len(tokens) == 1:
            raise ValueError(f"{{{{ {first} }}}} says nothing of what")
        if first in _OPENS:
            blocks.append(first)
        elif first in {"end", "else"} and not blocks:
            raise ValueError(f"{{{{ {first} }}}} has no if, range or with before it")
        elif first == "end":
            blocks.pop()
        _names(tokens, declared, dialect.functions)
    if blocks:
        raise ValueError(f"{{{{ {blocks[-1]} }}}} has no {{{{ end }}}}")


def actions(text: str) -> Iterator[str]:
    """What stands between each ``{{`` and its ``}}``; a ``}}`` in quotes ends nothing.

    Raises:
        ValueError: one is never closed.
    """
    end = re.compile(r"""(?:"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|(?!\}\})[^"`'])*\}\}""")
    at = 0
    while (start := text.find("{{", at)) >= 0:
        found = end.match(text, start + 2)
        if found is None:
            raise ValueError(f"{text[start : start + 40]} is never closed by }}}}")
        at = found.end()
        yield text[start + 2 : at - 2].removeprefix("- ").removesuffix(" -").strip()


def lexed(action: str) -> Iterator[tuple[str, str]]:
    """What an action is made of, each with its kind: ``("word", "query")``.

    Raises:
        ValueError: it cannot be read.
    """
    at, depth = 0, 0
    while at < len(action):
        found = _TOKEN.match(action, at)
        if found is None:
            raise ValueError(f"{action[at : at + 20]} is not understood")
        at = found.end()
        depth += (found[0] == "(") - (found[0] == ")")
        if depth < 0:
            break
        if found.lastgroup != "gap":
            yield str(found.lastgroup), found[0]
    if depth:
        raise ValueError(f"{action[:40]} has brackets that do not match")


def _names(tokens: list[tuple[str, str]], declared: set[str], functions: frozenset[str]) -> None:
    for index, (kind, word) in enumerate(tokens):
        following = tokens[index + 1][1] if index + 1 < len(tokens) else ""
        if kind == "variable" and (following == ":=" or (following == "," and tokens[0][1] == "range")):
            declared.add(word)
        unknown = (kind == "variable" and word not in declared) or (
            kind == "word" and word not in _WORDS and word not in functions
        )
        if unknown:
            raise ValueError(f"it knows no {word}")
