"""A dashboard drawn without Grafana, in a real browser: it fits the window, wide or narrow, and asks for nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.catalogue.load import load
from monitor.render.chart_model import Answer
from monitor.render.chart_scale import Window
from monitor.render.dashboard_page import Heard, page
from monitor.render.dashboards import boards
from tests.browser.test_report_page import MEASURE, browse

WINDOW = Window(start=1_700_000_000.0, end=1_700_003_600.0, step=15.0)
MEMBERS = [f"mongo-{number}.database.clinic.example:27017" for number in range(3)]


class Same(dict[str, list[Answer]]):
    """Whatever is asked: three series with long names."""

    def get(self, _: str, __: object = ()) -> list[Answer]:
        points = tuple((WINDOW.start + 15.0 * number, number % 9 + 1.0) for number in range(240))
        return [
            Answer(labels={"member": member, "type": member, "op": member, "le": "0.1"}, points=points)
            for member in MEMBERS
        ]


@pytest.mark.parametrize("width", [1280, 500])
def test_it_fits_the_window_and_reports_no_error(tmp_path: Path, width: int) -> None:
    catalogue = load(None, "compose")
    [board] = [board for board in boards(catalogue) if board.uid == "mongodb"]
    drawn = page(board, catalogue, Heard(window=WINDOW, answers=Same(), now=Same(), source="a test"), opened=True)
    file = tmp_path / "mongodb.html"
    file.write_text(drawn.replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    done = browse(file, tmp_path / "profile", width=width)
    found = re.search(r"<title>(\d+) (\d+)</title>", done.stdout)
    assert found, done.stdout[:300]
    inner, needed = map(int, found.groups())
    assert needed <= inner
    assert "CONSOLE" not in done.stderr  # the browser's own word for errors of a page
    assert "ERR_" not in done.stderr
