"""The error budget policy: how much of a budget may be spent before what happens. A state machine as data. Pure.

Its memory is what was recorded: the machine is run over the past, so that whoever asks, and however often, gets the
same answer, and nobody has to keep a state that could be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from monitor.catalogue.model import Severity

SOURCE = "https://sre.google/workbook/error-budget-policy/"
"""Google, The Site Reliability Workbook, appendix B: once the budget is spent, all changes but urgent fixes wait until
the service is within its SLO again. The two steps before it are this project's: told at half, so that there is time to
act, and careful at three quarters."""


class State(StrEnum):
    """What holds for changes to a service. ``UNKNOWN`` is neither allowed nor frozen: nobody can say."""

    OPEN = "open"
    NOTIFY = "notify"
    CAUTION = "caution"
    FROZEN = "frozen"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A state that begins when the share ``at`` of the budget is spent (0-1), and what it asks of people.

    ``alert`` tells them, with a severity: half a budget spent is where many healthy SLOs stand all the time, so it is
    context; from three quarters on there is something to do.
    """

    state: State
    at: float
    meaning: str
    alert: str = ""
    severity: Severity = Severity.NONE


STEPS = (
    Step(state=State.OPEN, at=0.0, meaning="changes may go out"),
    Step(
        state=State.NOTIFY,
        at=0.5,
        meaning="changes may go out; the team knows that half of the budget is gone",
        alert="ErrorBudgetHalfSpent",
        severity=Severity.INFO,
    ),
    Step(
        state=State.CAUTION,
        at=0.75,
        meaning="changes may go out one at a time, each watched; repairs come first",
        alert="ErrorBudgetLow",
        severity=Severity.WARNING,
    ),
    Step(
        state=State.FROZEN,
        at=1.0,
        meaning="changes wait, but for urgent and security fixes, by an override",
        alert="ErrorBudgetExhausted",
        severity=Severity.WARNING,
    ),
)

HYSTERESIS = 0.05
"""A state is left when this much less of the budget is spent than where it begins: a budget that hovers around a step
would else open and shut the gate with every evaluation. As a day of a 30-day window leaves, a steady pace gives back a
thirtieth; so a state holds for a day or two longer."""

ENOUGH_COVERAGE = 0.9
"""Below this share of measured time the unmeasured rest could hide several budgets, so nobody can say that changes may
go out. That a budget is spent can be said whatever the rest was."""


WARNINGS = tuple(step for step in STEPS if 0 < step.at < 1)
"""The steps that are told of before the budget is spent."""


def begins(step: Step) -> Decimal:
    """The share of the budget that is left where a state begins."""
    return 1 - Decimal(str(step.at))


def ends(step: Step) -> Decimal:
    """The share of the budget above which a state is left again."""
    return begins(step) + Decimal(str(HYSTERESIS))


def state(past: Iterable[float], spent: float | None, coverage: float | None) -> State:
    """What holds now, by the share of the budget that is ``spent`` (0 and up) and how much was measured (0-1).

    ``past`` are shares that were spent before, oldest first; they only decide whether a state is still being left.
    """
    if spent is None or coverage is None:
        return State.UNKNOWN
    *_, found = walk((*past, spent))
    if coverage < ENOUGH_COVERAGE and spent < STEPS[-1].at:
        return State.UNKNOWN
    return found


def depends_on_past(spent: float | None) -> bool:
    """Whether what was spent before can matter: below all that a first state can still hold, it cannot."""
    return spent is not None and spent >= STEPS[1].at - HYSTERESIS


def walk(shares: Iterable[float]) -> Iterator[State]:
    """The state after each share of the budget that was spent, oldest first, from an open gate on."""
    level = 0
    for share in shares:
        level = _follow(level, share)
        yield STEPS[level].state


def meaning(found: State) -> str:
    """What a state asks of people."""
    unknown = "nobody can say whether changes may go out"
    return next((step.meaning for step in STEPS if step.state is found), unknown)


def allowed(found: State) -> bool | None:
    """Whether changes may go out; ``None`` where nobody can say."""
    return None if found is State.UNKNOWN else found is not State.FROZEN


def _follow(level: int, spent: float) -> int:
    """The step after ``level``: up at once, down only when what is spent has fallen well below where it begins."""
    return max(
        number
        for number, step in enumerate(STEPS)
        if number == 0 or spent >= step.at - (HYSTERESIS if number <= level else 0.0)
    )
