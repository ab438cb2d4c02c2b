"""Text that was made for a stand-in (``monitor.slo.stand_in``), and what each SLO puts in. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from monitor.catalogue.model import Slo
from monitor.render.yaml_text import Written, inline
from monitor.slo import promql, stand_in

_MARK = re.compile(r"(⟨[^⟩]+⟩|⟪[^⟫]+⟫)")
_HOLE = re.compile(
    r"""( (?<=[:-][ ])"[^"\s]*⟨[^"\s]*"$           # one word: with a name in it, it may need quotes, or none
    |(?<=:[ ])(?:"[^"\n]*⟪[^"\n]*"|'[^'\n]*⟪[^'\n]*')$   # and so may any text with people's words in it
    |⟨[^⟩]+⟩)""",
    re.VERBOSE | re.MULTILINE,
)
_BURN_RATE = re.compile(r"⟨burn rate of ([0-9.]+)⟩")
_ALLOWED_OF = re.compile(r"⟨allowed of ([0-9]+)⟩")
_DIGITS = 4


class Own(dict[str, str]):
    """What one SLO puts in, by mark; ``spoken`` is done to people's words before."""

    def __init__(self, slo: Slo, spoken: Callable[[str], str] = str) -> None:
        super().__init__(
            {
                stand_in.NAME: slo.name,
                stand_in.SERVICE: slo.service,
                stand_in.ALLOWED: promql.allowed(slo),
                stand_in.OBJECTIVE: promql.objective(slo),
                stand_in.TITLE: spoken(slo.display_name),
                stand_in.IMPACT: spoken(slo.impact or slo.description),
                stand_in.EVENTS: spoken(slo.events),
                stand_in.TEAM: slo.team,
            }
        )
        self._budget = 1 - slo.target

    def __missing__(self, hole: str) -> str:
        """A figure, or a text in quotes with marks in it: it is put in quotes anew, as it then needs them."""
        if found := _BURN_RATE.fullmatch(hole):
            made = figure(Decimal(found[1]) / self._budget)
        elif found := _ALLOWED_OF.fullmatch(hole):
            made = _allowed_of(self._budget, int(found[1]))
        elif hole[0] not in "'\"":
            raise KeyError(hole)
        else:
            made = inline(_words(hole[1:-1]).of(self))
        self[hole] = made
        return made


@lru_cache(maxsize=2)
def own_of(slo: Slo, spoken: Callable[[str], str] = str) -> Own:
    """What an SLO puts in, kept while its files are written: they ask for the same figures and words."""
    return Own(slo, spoken)


class Pattern:
    """A text with holes."""

    def __init__(self, text: str, holes: re.Pattern[str] = _MARK) -> None:
        self._pieces = holes.split(text)

    def of(self, own: Own) -> str:
        """The text of one SLO."""
        pieces = self._pieces.copy()
        pieces[1::2] = map(own.__getitem__, pieces[1::2])
        return "".join(pieces)


class YamlPattern(Pattern):
    """YAML with holes: a whole file, or some items of a list."""

    def __init__(self, text: str) -> None:
        super().__init__(text, _HOLE)

    def items(self, own: Own) -> Written:
        """The items of one SLO."""
        return Written(self.of(own))


def figure(value: Decimal) -> str:
    """A number as tests compare it: to four digits behind the point."""
    rounded = float(round(value, _DIGITS))
    return str(int(rounded) if rounded == int(rounded) else rounded)


def burn_rate(owner: stand_in.Owner, share: Decimal) -> str:
    """How fast the budget burns at this share of bad events; of a stand-in a mark."""
    return figure(share / (1 - owner.target)) if isinstance(owner, Slo) else f"⟨burn rate of {share}⟩"


def allowed_of(owner: stand_in.Owner, events: int) -> str:
    """How many of these events may be bad; of a stand-in a mark."""
    return _allowed_of(1 - owner.target, events) if isinstance(owner, Slo) else f"⟨allowed of {events}⟩"


def _allowed_of(budget: Decimal, events: int) -> str:
    return f"{float(events * budget):.0f}"


_words = lru_cache(maxsize=stand_in.MOST_KEPT)(Pattern)
