"""Where an SLO stands under the error budget policy, from the figures that ``monitor slo list`` shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.catalogue.model import Catalogue, Slo
from monitor.compliance.policy_past import spent_before
from monitor.compliance.status import SloStatus, slo_statuses
from monitor.compliance.tally import Figures
from monitor.errors import Unavailable
from monitor.slo import policy
from monitor.slo.policy import State
from monitor.sources.prometheus import Prometheus
from monitor.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an SLO stands under the policy. Ratios as in ``SloStatus``; ``problem`` is why nothing is known."""

    slo: Slo
    state: State
    error_budget_remaining: float | None = None
    coverage: float | None = None
    before: Figures | None = None
    """What it was before corrections; ``None`` where nothing was corrected."""
    problem: str = ""

    @property
    def why(self) -> str:
        """Why it stands there, in a sentence."""
        if self.problem:
            return f"Nothing is known: {self.problem}."
        if self.error_budget_remaining is None or self.coverage is None:
            who = "`monitor work` runs" if self.slo.window.calendar else "the rules are loaded"
            return f"Nothing is known: no error budget is recorded now; see whether {who} and metrics come in."
        spent = f"{1 - self.error_budget_remaining:.1%} of the error budget of {self.slo.window.text} is spent"
        if self.before and self.before.error_budget_remaining is not None:
            spent += f", {1 - self.before.error_budget_remaining:.1%} before corrections"
        if self.state is State.UNKNOWN:
            least = f"{policy.ENOUGH_COVERAGE:.0%}"
            return (
                f"Nobody can say: {spent} in the {self.coverage:.1%} of the time that was measured; {least} is needed."
            )
        return f"{spent} ({self.coverage:.1%} measured): {policy.meaning(self.state)}."


def standing(prometheus: Prometheus, catalogue: Catalogue, slo: Slo, store: Store | None) -> Standing:
    """Ask where an SLO stands; that Prometheus cannot be asked is an answer too: unknown.

    With the ``store`` a calendar window stands where its sealed days put it, as ``monitor slo list`` has it; without
    one, where ``monitor work`` says.
    """
    try:
        (status,) = slo_statuses(prometheus, replace(catalogue, slos=(slo,)), store=store)
        past = spent_before(prometheus, slo, status, store) if policy.depends_on_past(_spent(status)) else ()
    except Unavailable as error:
        return Standing(slo=slo, state=State.UNKNOWN, problem=str(error))
    return _standing(slo, status, past)


def settled(slo: Slo, status: SloStatus) -> Standing | None:
    """Where an SLO stands if its status alone tells; ``None`` where it has to be asked what was before."""
    return None if policy.depends_on_past(_spent(status)) else _standing(slo, status, ())


def _standing(slo: Slo, status: SloStatus, past: tuple[float, ...]) -> Standing:
    return Standing(
        slo=slo,
        state=policy.state(past, _spent(status), status.coverage),
        error_budget_remaining=status.error_budget_remaining,
        coverage=status.coverage,
        before=status.before,
    )


def _spent(status: SloStatus) -> float | None:
    return None if status.error_budget_remaining is None else 1 - status.error_budget_remaining
