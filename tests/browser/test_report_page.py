"""The report in a real browser: it fits the window, wide or narrow, and asks for nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from monitor.render.report import render
from tests.report_values import gap, hardly_measured, incident, missed, report, slo

MEASURE = "<script>document.title = [innerWidth, document.documentElement.scrollWidth].join(' ')</script>"
"""Added by the test: the report itself has no script. Chromium prints the page after it has run."""


def browse(page: Path, profile: Path, *, width: int) -> subprocess.CompletedProcess[str]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("chromium is not installed: the Debian package chromium has it")
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={profile}",
        f"--window-size={width},1400",
        "--dump-dom",
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)


@pytest.mark.parametrize("width", [1280, 500])
def test_it_fits_the_window_and_reports_no_error(tmp_path: Path, width: int) -> None:
    made = report(slo(), missed(), hardly_measured("api-latency"), incidents=(incident(),), gaps=(gap(),))
    page = tmp_path / "report.html"
    page.write_text(render(made, "html").decode().replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    done = browse(page, tmp_path / "profile", width=width)
    found = re.search(r"<title>(\d+) (\d+)</title>", done.stdout)
    assert found, done.stdout[:300]
    inner, needed = map(int, found.groups())
    assert needed <= inner
    assert "CONSOLE" not in done.stderr  # the browser's own word for errors of a page
    assert "ERR_" not in done.stderr
