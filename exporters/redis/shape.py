"""Of what shape Redis's answers must be before they become labels and values of the page."""

from __future__ import annotations

from exporters.redis.wire import Reply

_LONGEST = 256
"""Of a text from elsewhere that becomes a label."""


def text(reply: Reply) -> str:
    """Return a text that may be a label.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(reply, str):
        raise TypeError("this should be text")
    return reply[:_LONGEST]


def whole(reply: Reply) -> int:
    """Return a whole number.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(reply, int):
        raise TypeError("this should be a whole number")
    return reply
