"""What the console says of gates: the gravest first, overrides always, and unknown is never open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.catalogue.load import load
from monitor.compliance.gate import Gate, Override
from monitor.compliance.policy_standing import Standing, settled
from monitor.slo.policy import State
from monitor.web import view_gate
from tests.unit.test_web_view import status

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SLOS = {slo.name: slo for slo in load(None, "local").slos}


def standing(name: str, state: State, left: float | None) -> Standing:
    return Standing(slo=SLOS[name], state=state, error_budget_remaining=left, coverage=None if left is None else 0.99)


def override(name: str) -> Override:
    return Override(
        id="o",
        slo=name,
        reason="a leak",
        by="Ada",
        at=NOW,
        until=NOW + timedelta(hours=2),
        state=State.OPEN,
        error_budget_remaining=0.9,
    )


def test_what_somebody_should_know_of_is_listed_the_gravest_first() -> None:
    found = [
        standing("api-latency", State.NOTIFY, 0.4),
        standing("booking-success", State.OPEN, 0.9),
        standing("availability", State.FROZEN, -0.1),
        standing("page-load", State.UNKNOWN, None),
        standing("failover", State.OPEN, 0.8),
        standing("alert-path", State.CAUTION, 0.2),
    ]
    changes = view_gate.changes(found, {"failover": override("failover")})
    assert [(card.name, card.state.tone) for card in changes.cards] == [
        ("availability", "bad"),
        ("alert-path", "warning"),
        ("api-latency", "good"),
        ("failover", "good"),
    ]
    assert changes.others == (
        "1 gate open: less than half of the budget is spent. 1 gate unknown: too little was measured to say."
    )
    assert view_gate.changes([], {}).others == ""


def test_an_override_lets_changes_out_and_does_not_hide_the_state() -> None:
    frozen = standing("availability", State.FROZEN, -0.1)
    card = view_gate.gate_card(Gate(standing=frozen, override=override("availability")))
    assert (card.state.text, card.answer) == ("frozen", "changes may go out, by an override")
    assert card.why.startswith("110.0% of the error budget of 30d is spent")
    assert view_gate.gate_card(Gate(standing=frozen, override=None)).answer == "changes wait"


def test_only_what_has_spent_much_is_asked_about_its_past() -> None:
    slo = SLOS["availability"]
    for left, state in ((1.0, State.OPEN), (0.56, State.OPEN), (None, State.UNKNOWN)):
        found = settled(slo, status(left=left))
        assert found is not None
        assert found.state is state
    assert settled(slo, status(left=0.54)) is None
    assert settled(slo, status(left=-2.0)) is None
