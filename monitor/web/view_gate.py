"""What the console says of the gate: who may change what, why, and who has overridden it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from monitor.compliance.gate import Gate, Override
from monitor.compliance.policy_standing import Standing
from monitor.slo.policy import State
from monitor.web.view import Said, Tone
from monitor.web.words import plural

_TONES: dict[State, Tone] = {
    State.OPEN: "good",
    State.NOTIFY: "good",
    State.CAUTION: "warning",
    State.FROZEN: "bad",
    State.UNKNOWN: "unknown",
}
_ANSWERS = {True: "changes may go out", False: "changes wait", None: "nobody can say"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCard:
    """One SLO's gate: its state, what that means for changes now, and why."""

    name: str
    display_name: str
    state: Said
    answer: str
    why: str
    override: Override | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The gates that somebody should know of, and a sentence about all others."""

    cards: tuple[GateCard, ...]
    others: str


def gate_card(found: Gate) -> GateCard:
    """Say how one gate stands."""
    standing = found.standing
    return GateCard(
        name=standing.slo.name,
        display_name=standing.slo.display_name,
        state=Said(tone=_TONES[standing.state], text=standing.state.value),
        answer=_ANSWERS[found.allowed] + (", by an override" if found.override else ""),
        why=standing.why,
        override=found.override,
    )


def changes(standings: Iterable[Standing], overrides: Mapping[str, Override]) -> Changes:
    """Gates that are not simply open, the gravest first; that too little is known is said in one sentence."""
    gates = [Gate(standing=one, override=overrides.get(one.slo.name)) for one in standings]
    plain = {State.OPEN, State.UNKNOWN}
    told = [one for one in gates if one.override or one.standing.state not in plain]
    rest = [one.standing.state for one in gates if one not in told]
    order = list(State)
    told.sort(key=lambda one: (-order.index(one.standing.state), one.standing.slo.name))
    return Changes(cards=tuple(map(gate_card, told)), others=_others(rest.count(State.OPEN), rest.count(State.UNKNOWN)))


def _others(opened: int, unknown: int) -> str:
    sentences = []
    if opened:
        sentences.append(f"{plural(opened, 'gate')} open: less than half of the budget is spent.")
    if unknown:
        sentences.append(f"{plural(unknown, 'gate')} unknown: too little was measured to say.")
    return " ".join(sentences)
