"""Which alert counts as noticing a drill, and what makes it impossible to tell."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import requests

from monitor import clock
from monitor.catalogue.load import load
from monitor.drills import guards
from monitor.drills.drill import Field
from monitor.drills.primary_killed import detected_by
from monitor.settings import Settings
from monitor.stack.client import StackClient
from monitor.store import Store
from monitor.store_alerts import AlertRecord
from tests.contract.web_server import alertmanager

NOW = clock.now()
CATALOGUE = load(None, "local")
(PLAN,) = CATALOGUE.drills


def heard(name: str, after_s: float) -> AlertRecord:
    at = NOW + timedelta(seconds=after_s)
    return AlertRecord(fingerprint=name, labels={"alertname": name}, state="firing", starts_at=at, received_at=at)


def test_only_the_expected_alert_counts_as_noticing_the_drill() -> None:
    alerts = [heard("TargetMissing", 3), heard("MongoRedundancyLost", 20), heard("MongoRedundancyLost", 40)]
    assert detected_by(alerts, "MongoRedundancyLost") == alerts[1]
    assert detected_by(alerts, "MongoNoPrimary") is None
    assert detected_by(alerts, "") == alerts[0]
    assert detected_by([], "") is None


def test_every_promise_on_a_killed_primary_is_judged() -> None:
    limits = {name: float(limit) for name, limit in PLAN.targets.items()}
    assert limits == {
        "failover_seconds": 5,
        "writes_back_seconds": 5,
        "acknowledged_lost": 0,
        "doubled": 0,
        "detection_seconds": 60,
        "critical_alerts": 0,
    }


def test_a_drill_is_refused_while_the_alert_that_should_notice_it_fires_already(tmp_path: Path) -> None:
    assert guards.nobody_told_already in guards.BREAKING
    with alertmanager(tmp_path, "http://127.0.0.1:9/hooks/alertmanager") as url:
        settings = Settings(run_dir=tmp_path, alertmanager_url=url)
        with Store.migrate(settings.state) as store:
            field = Field(
                settings=settings,
                catalogue=CATALOGUE,
                plan=PLAN,
                store=store,
                stack=StackClient(settings.control_socket),
                show=lambda _: None,
                stop=threading.Event(),
            )
            assert guards.nobody_told_already(field) == (True, "MongoRedundancyLost is not firing")
            alert = {"labels": {"alertname": "MongoRedundancyLost", "severity": "warning"}}
            requests.post(f"{url}/api/v2/alerts", json=[alert], timeout=5).raise_for_status()
            holds, sentence = guards.nobody_told_already(field)
            assert not holds
            assert sentence == "MongoRedundancyLost, by which this drill should be noticed, is firing already"
            assert guards.nobody_told_already(replace(field, plan=replace(PLAN, expect_alert="")))[0]
