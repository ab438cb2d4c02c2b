"""What a drill that was killed with -9 left in the store is closed by the next one, let in or refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor import clock, drills
from monitor.catalogue.load import load
from monitor.errors import Unavailable
from monitor.settings import Settings
from monitor.store import Store


def test_a_journal_that_says_running_is_closed_by_the_next_drill(tmp_path: Path) -> None:
    settings = Settings(run_dir=tmp_path)
    body = {"drill": "primary-killed", "outcome": "unknown", "finished_at": None, "reason": "running"}
    with Store.migrate(settings.state) as store:
        store.put("drill", "dead", body, at=clock.now() - timedelta(seconds=90))
        store.put("drill", "done", body | {"outcome": "passed", "finished_at": "2026-11-22T17:00:00Z"})
        with pytest.raises(Unavailable):
            drills.run("primary-killed", settings, load(None, "local"), store)
        dead, done = store.get("drill", "dead"), store.get("drill", "done")
    assert dead is not None
    assert done is not None
    assert (dead.body["outcome"], dead.body["reason"]) == ("aborted", "the drill was killed")
    assert dead.body["status"] == "interrupted"
    assert dead.body["finished_at"] == dead.body["end"] is not None
    assert dead.body["duration"] >= 90
    assert done.body["outcome"] == "passed"
