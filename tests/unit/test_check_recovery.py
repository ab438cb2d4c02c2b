"""What recovery.yaml promises is held against what captures, backups and alerts can do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.catalogue.load import load
from monitor.catalogue.model import (
    Catalogue,
)
from tests.checked_catalogues import codes, with_alert


@pytest.fixture(scope="module")
def bundled() -> Catalogue:
    return load(None, "compose")


def test_an_rpo_that_captures_are_too_rare_for_is_found(bundled: Catalogue) -> None:
    assert bundled.recovery is not None
    strict = replace(bundled, recovery=replace(bundled.recovery, rpo=timedelta(seconds=89)))

    assert any("RPO 1m29s cannot hold with the oplog captured every 30s" in message for _, message in codes(strict))
    assert {code for code, _ in codes(strict)} == {"rpo"}


def test_an_rpo_that_is_written_differently_in_two_places_is_found(bundled: Catalogue) -> None:
    assert bundled.recovery is not None
    other = replace(bundled, recovery=replace(bundled.recovery, rpo=timedelta(hours=2)))

    assert [code for code, _ in codes(other)] == ["rpo"]


def test_an_alert_that_waits_until_the_rpo_is_broken_is_found(bundled: Catalogue) -> None:
    assert bundled.recovery is not None
    strict = replace(bundled, recovery=replace(bundled.recovery, rpo=timedelta(minutes=50)))

    found = [message for _, message in codes(strict)]

    assert any("RecoveryPointTooOld waits until 3600 s" in message and "3000 s" in message for message in found)
    assert not any("BackupTooOld" in message for message in found)


def test_an_alert_that_calls_a_backup_late_before_it_is_due_is_found(bundled: Catalogue) -> None:
    assert bundled.recovery is not None
    rare = replace(bundled, recovery=replace(bundled.recovery, full_backup_every=timedelta(hours=8)))

    ((code, message),) = codes(rare)

    assert code == "rpo"
    assert "BackupTooOld fires at 25200 s" in message


def test_an_alert_that_waits_until_two_backups_were_missed_is_found(bundled: Catalogue) -> None:
    assert bundled.recovery is not None
    often = replace(bundled, recovery=replace(bundled.recovery, full_backup_every=timedelta(hours=3)))

    ((code, message),) = codes(often)

    assert code == "rpo"
    assert "BackupTooOld waits until 25200 s" in message


def test_an_alert_about_a_recovery_point_that_is_not_old_yet_is_found(bundled: Catalogue) -> None:
    early = with_alert(bundled, "time() - dr_recovery_point_timestamp_seconds > 80", team="sre")

    assert any("fires at 80 s, and a recovery point is 90 s old at times" in message for _, message in codes(early))
