"""The tests that are generated beside the rules notice when a rule is changed: some here, all in tests/proof."""

from __future__ import annotations

import random
from pathlib import Path

from tests.contract.rule_mutants import all_killed, mutants

RULES = Path(__file__).parents[2] / "rules"
CHOSEN = 12
SEED = 1


def test_rules_that_were_changed_fail_their_tests(tmp_path: Path) -> None:
    chosen = random.Random(SEED).sample(list(mutants(RULES, "availability")), CHOSEN)

    made, survivors = all_killed(chosen, RULES, "availability", tmp_path)

    assert made > CHOSEN * 0.8
    # Of so few, two or three may happen to be among those that change nothing; of all it is a tenth (tests/proof).
    assert len(survivors) <= made * 0.2
