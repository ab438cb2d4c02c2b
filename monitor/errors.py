"""Every error that a command may end with, and the exit code that tells a script what to do.

::

    MonitorError                       base; never raised itself
    ├── InputError          exit 2     a file, flag or setting is wrong: correct it and run again
    │   ├── CatalogueError             one or more faults in the catalogue, all of them at once
    │   └── SettingsError              a setting is missing, unknown or unsafe
    ├── Unavailable         exit 3     something needed could not be reached: nothing is known either way
    └── Unsafe              exit 2     refused, because going on could do harm
        └── Busy                       another process is at the same: wait until it is done

A promise that was found broken (a missed SLO, a failed restore) is a *result*, not an error; its exit code is 1.
Messages say what was being done, to what, and what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes shared by all commands."""

    GOOD = 0
    PROMISE_BROKEN = 1
    WRONG_INPUT = 2
    UNKNOWN = 3


class MonitorError(Exception):
    """Base of all expected errors."""

    exit_code: Exit = Exit.UNKNOWN


class InputError(MonitorError):
    """A file, flag or setting is wrong."""

    exit_code = Exit.WRONG_INPUT


class SettingsError(InputError):
    """A setting is missing, unknown or unsafe."""


class Unsafe(InputError):  # noqa: N818  # reads as the sentence it is: "raise Unsafe(...)"
    """Refused, because going on could do harm."""


class Busy(Unsafe):
    """Another process is at the same, here or on another machine."""


class Unavailable(MonitorError):  # noqa: N818  # same
    """Something needed could not be reached in time."""

    exit_code = Exit.UNKNOWN


_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}


def printable(text: str) -> str:
    """Return a text without what would change a terminal: a name that somebody else gave may hold any character."""
    return text.translate(_CONTROL)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """One thing that is wrong in an input file.

    ``path`` is the field in dotted form (``spec.objectives[0].target``), empty for the whole file; ``line`` is 1-based,
    0 when not known; ``code`` is a stable kebab-case word; ``message`` says what is wrong and what would be right.
    """

    file: str
    line: int = 0
    path: str = ""
    code: str = ""
    message: str

    def __str__(self) -> str:
        """``file:line: path: message``, leaving out what is not known."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return printable(": ".join(part for part in (place, self.path, self.message) if part))


class CatalogueError(InputError):
    """The catalogue cannot be loaded; ``faults`` lists everything that is wrong with it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))
