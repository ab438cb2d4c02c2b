"""Nine of ten changes to the rules of an SLO are noticed by the tests that are generated beside them.

Each run takes other changes: RULE_MUTANTS of each SLO (100; ``all``: some hours), chosen by RULE_MUTANTS_SEED.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.contract.rule_mutants import all_killed, mutants

RULES = Path(__file__).parents[2] / "rules"
SEED = int(os.environ.get("RULE_MUTANTS_SEED") or time.time())
WANTED = os.environ.get("RULE_MUTANTS") or "100"


@pytest.mark.proof
@pytest.mark.timeout(0 if WANTED == "all" else 3600)
@pytest.mark.parametrize("slo", ["availability", "api-latency", "recovery-point-age"])
def test_nine_of_ten_changes_to_a_rule_are_noticed(tmp_path: Path, slo: str) -> None:
    every = list(mutants(RULES, slo))
    chosen = every if WANTED == "all" else random.Random(SEED).sample(every, min(int(WANTED), len(every)))

    made, survivors = all_killed(chosen, RULES, slo, tmp_path)

    told = f"{slo}, seed {SEED}: {made - len(survivors)} of {made} mutants killed, {len(every)} there are"
    print(told)  # noqa: T201  # the figure is the point
    assert len(survivors) <= made * 0.1, told
