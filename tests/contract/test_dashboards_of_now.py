"""Drawn without Grafana, a figure is of now: asked of a real Prometheus whose past the test has written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.catalogue.load import load as load_catalogue
from monitor.render.dashboard_page import page
from monitor.render.dashboards import boards
from monitor.sources.panels import ask
from tests.contract.history import History, serve

SCRAPE = timedelta(seconds=15)
END = datetime(2026, 3, 2, 12, tzinfo=UTC)
A_WEEK = timedelta(days=7)


def test_a_figure_is_of_the_last_minute_and_of_nothing_that_is_over(tmp_path: Path) -> None:
    catalogue = load_catalogue(None, "compose")
    [redis] = [board for board in boards(catalogue) if board.uid == "redis"]
    up, evicted = (
        next(panel for panel in redis.panels if panel.title == title).queries[0].expr
        for title in ("Is Redis up?", "Are keys evicted?")
    )
    minutes = [END - timedelta(minutes=number) for number in range(180, -1, -1)]
    scrapes = [END - SCRAPE * number for number in range(40, -1, -1)]
    history = History()
    # The exporter is gone since an hour; keys are evicted since two minutes, ten in a second.
    history.add("redis_up", {"instance": "exporters"}, [(at, 1.0) for at in minutes[:120]])
    since = END - timedelta(minutes=2)
    counted = [(at, max(0.0, (at - since).total_seconds()) * 10) for at in scrapes]
    history.add("redis_evicted_keys_total", {"instance": "exporters"}, counted)
    with serve(history, tmp_path) as prometheus:
        heard = ask(prometheus, redis, END, A_WEEK, SCRAPE)
    assert heard.answers[up]
    assert heard.now[up] == []
    [now] = heard.now[evicted]
    assert now.last == 10
    written = page(redis, catalogue, heard)
    assert "10 ops/s" in written
    assert '<p class="big t-good">up</p>' not in written
