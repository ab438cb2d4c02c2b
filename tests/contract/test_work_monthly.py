"""The report of the month before, written by itself from a real Prometheus."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from monitor import clock
from monitor.settings import Settings
from monitor.store import Store
from monitor.work import monthly
from tests.contract.history import History, serve
from tests.contract.web_server import CATALOGUE


def test_the_report_of_the_month_before_is_written_in_each_form_and_noted(tmp_path: Path) -> None:
    history, now = History(), clock.now()
    history.add("up", {"job": "app"}, [(now - timedelta(minutes=1), 1.0)])
    month = monthly.month_before(now, "Europe/Berlin")
    with serve(history, tmp_path) as prometheus:
        settings = Settings(run_dir=tmp_path, prometheus_url=prometheus.url)
        with Store.migrate(settings.state) as store:
            said = monthly.write(settings, CATALOGUE(), store)
            (record,) = store.records("report")
    assert said.startswith(f"wrote the report of {month} to ")
    assert record.body["period"] == month
    files = {Path(name).suffix: Path(name) for name in record.body["files"]}
    assert files[".pdf"].read_bytes().startswith(b"%PDF")
    assert month in json.dumps(json.loads(files[".json"].read_text(encoding="utf-8")))
    # Nothing was measured in that month, and the page says so.
    assert "insufficient data" in files[".html"].read_text(encoding="utf-8").lower()
