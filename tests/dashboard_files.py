"""What the dashboard tests share: reading generated dashboards, and turning Grafana's variables into values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "dashboards").glob("*.json"))

VARIABLES = {
    "$__rate_interval": "1m",
    "$__interval": "15s",
    "$__range": "1h",
    "$slo": ".+",
}
"""What Grafana would put in, with `All` chosen where there is a choice."""


@dataclass(frozen=True)
class Asked:
    """One query of a panel, its variables replaced."""

    board: str
    panel: str
    expr: str
    instant: bool
    empty_until: str

    def __str__(self) -> str:
        return f"{self.board} / {self.panel} / {self.expr}"


def load(file: Path) -> dict[str, Any]:
    board: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return board


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels but rows; those inside collapsed rows too."""
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def queries(board: dict[str, Any]) -> Iterator[Asked]:
    for panel in panels(board):
        for target in panel["targets"]:
            yield Asked(
                board=board["uid"],
                panel=panel["title"],
                expr=replaced(target["expr"]),
                instant=bool(target.get("instant")),
                empty_until=panel.get("empty_until", ""),
            )


def replaced(expr: str) -> str:
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr
