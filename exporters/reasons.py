"""In which closed words a collector says why it could not read its source."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a source could not be read. A closed list: an error's text never becomes a label."""

    REFUSED = "refused"
    """Nobody listens, or the connection broke."""
    TIMEOUT = "timeout"
    """No answer within the scrape's time budget."""
    AUTH = "auth"
    """User or password were not accepted."""
    DENIED = "denied"
    """The user lacks the right to ask."""
    MALFORMED = "malformed"
    """An answer came that is not what the source should say."""
    BUSY = "busy"
    """The source is struggling, and a costly question waits until it is not."""
    ERROR = "error"
    """Anything else; the log names the class of the error."""


ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading an answer ends with that is not of the shape it should be."""
