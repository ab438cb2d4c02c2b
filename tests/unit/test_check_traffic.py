"""Objectives and alerts are held against the traffic that is expected."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.catalogue.load import load
from monitor.catalogue.model import (
    Catalogue,
)
from tests.checked_catalogues import changed, codes


@pytest.fixture(scope="module")
def bundled() -> Catalogue:
    return load(None, "compose")


def expecting(catalogue: Catalogue, hourly: str) -> Catalogue:
    return changed(catalogue, "booking-success", lambda slo: replace(slo, expected_requests_per_hour=Decimal(hourly)))


def test_at_traffic_that_is_enough_nothing_is_found(bundled: Catalogue) -> None:
    assert codes(expecting(bundled, "2000")) == []


def test_an_alert_that_the_expected_traffic_cannot_reach_is_found(bundled: Catalogue) -> None:
    found = codes(expecting(bundled, "6"))

    assert [code for code, _ in found] == ["too-little-traffic"]
    assert (
        "ErrorBudgetBurnFast can never fire at 6 bookings an hour: it waits for 10 bad ones in 1h, and 6 come"
        in str(found)
    )


def test_a_budget_of_fewer_failures_than_any_alert_waits_for_is_found(bundled: Catalogue) -> None:
    found = codes(expecting(bundled, "2"))

    assert ("budget-too-small", found[0][1]) == found[0]
    assert "the budget of 30d is 7.2 of them, and alerts stay silent below 10" in found[0][1]


def test_an_alert_that_one_failure_at_night_would_fire_is_found(
    bundled: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.slo.windows.MINIMUM_BAD_EVENTS", 1)

    found = [message for code, message in codes(expecting(bundled, "10")) if code == "few-failures-fire"]

    assert any("ErrorBudgetBurnFast fires on 1 bad one in 1h: one failure at 03:00" in message for message in found)
    assert codes(expecting(bundled, "2000")) == []


@pytest.mark.parametrize(("target", "code"), [("0.999999", "target-beyond-sight"), ("0.3", "target-too-low")])
def test_objectives_beyond_sight_or_reason_are_found(bundled: Catalogue, target: str, code: str) -> None:
    assert code in {
        code for code, _ in codes(changed(bundled, "availability", lambda slo: replace(slo, target=Decimal(target))))
    }


@pytest.mark.parametrize("target", ["0.9999", "0.94"])
def test_objectives_that_can_be_seen_are_no_finding(bundled: Catalogue, target: str) -> None:
    assert codes(changed(bundled, "availability", lambda slo: replace(slo, target=Decimal(target)))) == []
