"""The two ways in which Alertmanager reads the text of matchers, as names, operators and values. Pure.

The older one knows names of Latin letters; the other, since 0.27, any: ``http.status=~"5.."``. A text that the older
one understands means what it meant before, whatever the other would make of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Parts = tuple[str, str, str]
"""Name, operator and value."""

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PLAIN = r"[^\s{}!=~,\\\"'`]+"
_OPERATOR = r"\s*(=~|=|!=|!~)\s*"
_OLDER = re.compile(rf"([a-zA-Z_:][a-zA-Z0-9_:]*){_OPERATOR}(.*)", re.DOTALL | re.ASCII)
_NEWER = re.compile(rf"\s*({_PLAIN}|{_QUOTED}){_OPERATOR}({_PLAIN}|{_QUOTED})\s*(?:,|$)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_OLDER_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
_NEWER_ESCAPE = re.compile(r"\\(?:x([0-7][0-9a-fA-F])|u(?![dD][89a-fA-F])([0-9a-fA-F]{4})|(.))")
_NEWER_ESCAPES = _OLDER_ESCAPES | {"a": "\a", "b": "\b", "f": "\f", "r": "\r", "t": "\t", "v": "\v"}


def older(text: str) -> list[Parts]:
    """Read a text as all versions do.

    Raises:
        ValueError: it is none of theirs; the message begins with the part that is not.
    """
    # Each brace by itself, as Alertmanager does: of a=~x{2}, not in quotes, it takes x{2 for the value.
    parts = list(_cut(text.strip().removeprefix("{").removesuffix("}")))
    if not parts[-1].strip():
        parts.pop()
    return [_older(part.strip()) for part in parts]


def newer(text: str) -> list[Parts] | None:
    """Read a text as versions since 0.27 do where the older way fails; ``None``: they do not take it either."""
    inner = text.strip()
    if inner.startswith("{") != inner.endswith("}"):
        return None
    inner = inner[1:-1] if inner.startswith("{") else inner
    found, at = [], 0
    while inner[at:].strip():
        one = _NEWER.match(inner, at)
        if one is None:
            return None
        try:
            found.append((_unquoted(one[1]), one[2], _unquoted(one[3])))
        except KeyError:  # an escape that is none
            return None
        at = one.end()
    return found


def quoted(text: str) -> str:
    """A text in quotes, as both ways read it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def is_plain(label: str) -> bool:
    """Whether a label's name may stand without quotes, since 0.27 at least."""
    return bool(re.fullmatch(_PLAIN, label))


def name(label: str) -> str:
    """A label's name as it stands in a matcher: in quotes where nothing else would be read as it."""
    return label if is_plain(label) else quoted(label)


def _older(part: str) -> Parts:
    found = _OLDER.fullmatch(part)
    if found is None:
        raise ValueError(f'{part!r} is no matcher such as severity="critical"')
    label, operator, value = found.groups()
    if value.startswith('"'):
        if not re.fullmatch(_QUOTED, value, re.DOTALL):
            raise ValueError(f"{part!r} has a quote that does not end, or ends too soon")
        value = value[1:-1]
    elif '"' in _ESCAPE.sub("", value):
        raise ValueError(f'{part!r} has a quote within a value: write {label}{operator}"..." and \\" for the quote')
    return label, operator, _ESCAPE.sub(lambda escape: _OLDER_ESCAPES.get(escape[1], escape[0]), value)


def _unquoted(text: str) -> str:
    """Without its quotes and escapes, as Go reads them; those of single bytes of a letter, which nobody writes, not."""
    if not text.startswith('"'):
        return text
    return _NEWER_ESCAPE.sub(
        lambda escape: chr(int(escape[1] or escape[2], 16)) if not escape[3] else _NEWER_ESCAPES[escape[3]], text[1:-1]
    )


def _cut(text: str) -> Iterator[str]:
    """Cut at each comma that stands in no quotes."""
    part, inside, escaped = "", False, False
    for char in text:
        if char == "," and not inside:
            yield part
            part = ""
            continue
        inside ^= char == '"' and not escaped
        escaped = char == "\\" and not escaped
        part += char
    yield part
