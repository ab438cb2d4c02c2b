"""The pure parts of benchmarks/backup, and that it says what it cannot do."""

from __future__ import annotations

import pytest

from benchmarks.backup.__main__ import main
from benchmarks.backup.bench import WORDS, median
from benchmarks.backup.growth import exponent


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_the_exponent_is_that_of_the_power_law(power: float) -> None:
    assert exponent({size: 3 * size**power for size in (10, 20, 40, 80)}) == pytest.approx(power)


def test_the_median_of_rounds_is_the_middle_one() -> None:
    assert median([3, 1, 2]) == 2


def test_words_differ_or_everything_would_shrink_to_nothing() -> None:
    assert len(set(WORDS)) == len(WORDS) == 3000


def test_a_part_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "speed,nonsense"])
    assert ended.value.code == 2
    assert "no part is called 'nonsense'" in capsys.readouterr().err
