"""The model is linear, each part by what it grows with; what was not measured is not made up."""

from __future__ import annotations

import pytest

from monitor.backup.verifying.prediction import Measured, predict

RUN = Measured(
    bytes=300_000_000,
    start_seconds=0.5,
    fetch_seconds=1.0,
    data_seconds=2.0,
    index_seconds=3.0,
    operations=20_000,
    replay_seconds=1.0,
)


def test_the_run_itself_is_predicted_as_measured() -> None:
    predicted = predict(RUN, size=RUN.bytes, operations=RUN.operations)
    assert predicted is not None
    assert predicted.seconds == pytest.approx(RUN.restore_seconds) == 7.5


def test_ten_times_the_bytes_take_ten_times_as_long_but_for_the_start() -> None:
    predicted = predict(RUN, size=10 * RUN.bytes)
    assert predicted is not None
    assert predicted.seconds == pytest.approx(0.5 + 10 * 6.0)
    assert predicted.body()["megabytes_per_second"] == 100
    assert predicted.body()["index_seconds_per_gigabyte"] == 10


def test_operations_without_a_measured_rate_are_left_out_and_said() -> None:
    predicted = predict(Measured(bytes=1000, data_seconds=1.0), size=1000, operations=50)
    assert predicted is not None
    assert predicted.operations_per_second is None
    assert predicted.seconds == 1.0


def test_nothing_measured_is_no_prediction() -> None:
    assert predict(Measured(bytes=0), size=1) is None
