"""Every dashboard is what Grafana's own TypeScript types say, by the compiler: nothing unknown or misspelt."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard_files import FILES, load
from tests.proof.grafana_types import typescript

PACKAGES = ("@grafana/schema@13.2.3", "typescript@5.9.3")
"""Neither needs another package."""

STRICT = ("--strict", "--noEmit", "--skipLibCheck", "--target", "es2022", "--module", "nodenext")

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("npm is not installed: Node.js brings it")
    made = tmp_path_factory.mktemp("grafana")
    (made / "package.json").write_text('{"private": true, "type": "module"}\n', encoding="utf-8")
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", *PACKAGES]
    done = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return made


def told(folder: Path, boards: dict[str, dict[str, Any]]) -> list[str]:
    """What the compiler says of dashboards."""
    for name, body in boards.items():
        (folder / f"{name}.ts").write_text(typescript(body), encoding="utf-8")
    command: list[str | Path] = [folder / "node_modules" / ".bin" / "tsc", *STRICT, *(f"{name}.ts" for name in boards)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    return [line for line in done.stdout.splitlines() if "error TS" in line]


def test_every_dashboard_is_of_grafanas_types(folder: Path) -> None:
    boards = {file.stem: load(file).body for file in FILES}
    assert len(boards) == 10
    assert told(folder, boards) == []


PLANTED: dict[str, Callable[[dict[str, Any]], object]] = {
    "colorMod": lambda body: stat(body)["options"].update(colorMod="value"),
    "loud": lambda body: stat(body)["options"].update(colorMode="loud"),
    "lineWidht": lambda body: graph(body)["fieldConfig"]["defaults"]["custom"].update(lineWidht=1),
    "decimal": lambda body: stat(body)["fieldConfig"]["defaults"].update(decimal=1),
    "datasources": lambda body: body["templating"]["list"][1].update(datasources={}),
    "number": lambda body: body["panels"][0]["gridPos"].update(w="24"),
    "refreshed": lambda body: body.update(refreshed="30s"),
}
"""What the compiler's message names -> a fault in a dashboard that it comes from."""


def test_what_is_planted_is_found_each_by_itself(folder: Path) -> None:
    boards = {}
    for number, plant in enumerate(PLANTED.values()):
        body = boards[f"planted{number}"] = copy.deepcopy(load(FILES[0]).body)
        plant(body)
    found = told(folder, boards)
    for number, name in enumerate(PLANTED):
        [one] = [line for line in found if line.startswith(f"planted{number}.ts")]
        assert name in one


def stat(body: dict[str, Any]) -> dict[str, Any]:
    return of_kind(body, "stat")


def graph(body: dict[str, Any]) -> dict[str, Any]:
    return of_kind(body, "timeseries")


def of_kind(body: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(panel for panel in body["panels"] if panel["type"] == kind)
    return found
