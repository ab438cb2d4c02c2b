"""A catalogue in, all its files out, through the real command.

After a change that is meant::

    monitor --catalogue tests/golden/minimal/catalogue --env place generate --out tests/golden/minimal/expected
    rm -r tests/golden/minimal/expected/{dashboards,docs}    # held by tests of their own
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def files(root: Path) -> dict[str, str]:
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    named = {path.relative_to(root).as_posix(): path for path in found}
    return {name: path.read_text() for name, path in named.items() if not name.startswith(("dashboards/", "docs/"))}


@pytest.mark.parametrize("case", ["minimal"])
def test_a_catalogue_becomes_exactly_these_files(case: str, tmp_path: Path) -> None:
    catalogue = HERE / case / "catalogue"
    command = [
        sys.executable,
        "-m",
        "monitor",
        "--catalogue",
        str(catalogue),
        "--env",
        "place",
        "generate",
        "--out",
        "out",
    ]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "out") == files(HERE / case / "expected")
    assert done.stderr.splitlines() == [
        f"warning: slos/checkout.yaml:4: nobody declares the metric {name}: "
        "declare it in metrics/*.json, or correct the name [unknown-metric]"
        for name in ("shop_duration_seconds_bucket", "shop_duration_seconds_count")
    ]
