"""The SLOs of benchmarks/slo_scale are of every kind, no two alike, and nothing is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.slo_scale import catalogue
from monitor.catalogue.load import load
from monitor.check import findings


@pytest.mark.parametrize("one_file", [False, True])
def test_a_hundred_slos_load_and_pass_every_check(tmp_path: Path, *, one_file: bool) -> None:
    made = catalogue.slos(100)
    catalogue.write(tmp_path / "catalogue", made, one_file=one_file)

    loaded = load(tmp_path / "catalogue", "compose")

    assert findings(loaded) == ()
    assert len({slo.target for slo in loaded.slos}) > 90
    assert {slo.window.text for slo in loaded.slos} == {"7d", "14d", "28d", "30d", "90d", "1w", "1M", "1Q"}
    assert {slo.budgeting.value for slo in loaded.slos} == {"Occurrences", "Timeslices", "RatioTimeslices"}
    assert catalogue.slos(100) == made
