"""Keeps passwords out of what people read: whatever echoes something that was typed goes through here."""

from __future__ import annotations

import re

_HIDDEN = "***"
_SECRET = "(?:passw(?:or)?d|passphrase|secret|token|api_?key)"  # noqa: S105  # the words for one
_RULES = (
    # A password may hold anything, slashes and further at-signs too: everything up to the last one is hidden.
    (re.compile(r"(://)[^\n]*@"), rf"\1{_HIDDEN}@"),
    # The same where the scheme was forgotten.
    (re.compile(r"[^\s'\"/=,:]*:(?!//)[^\s'\"]*@"), f"{_HIDDEN}@"),
    # password=..., "secret": ..., --redis-password ...; but not the name of a file that holds one.
    (re.compile(rf"({_SECRET}['\"]?\s*[=:]\s*)\S+", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (re.compile(rf"(--[\w.-]*{_SECRET}\s+)\S+", re.IGNORECASE), rf"\1{_HIDDEN}"),
)


def masked(text: str) -> str:
    """Return the text without what looks like a user's name and password, or like the value of a secret."""
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


class Password:
    """A password that no ``repr``, format or log shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return it, for the one who logs in."""
        return self._text

    def __repr__(self) -> str:
        return "Password(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Password) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)
