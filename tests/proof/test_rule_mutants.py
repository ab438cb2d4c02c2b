"""Nine of ten changes to the rules of an SLO are noticed by the tests that are generated beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.rule_mutants import all_killed, mutants

RULES = Path(__file__).parents[2] / "rules"


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("slo", ["availability", "api-latency", "recovery-point-age"])
def test_nine_of_ten_changes_to_a_rule_are_noticed(tmp_path: Path, slo: str) -> None:
    made, survivors = all_killed(list(mutants(RULES, slo)), RULES, slo, tmp_path)

    print(f"{slo}: {made - len(survivors)} of {made} mutants killed")  # noqa: T201  # the figure is the point
    assert len(survivors) <= made * 0.1
