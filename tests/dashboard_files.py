"""What the dashboard tests share: reading the generated dashboards, and their queries with `All` chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from monitor.check.dashboard_files import DashboardFile, asked, read
from monitor.render.dashboards_promql import replaced

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "dashboards").glob("*.json"))


@dataclass(frozen=True)
class Query:
    """One query, its variables replaced."""

    board: str
    title: str
    kind: str
    expr: str
    instant: bool
    empty_until: str

    def __str__(self) -> str:
        return f"{self.board} / {self.title} / {self.expr}"


def load(file: Path) -> DashboardFile:
    board = read(f"dashboards/{file.name}", file.read_text(encoding="utf-8"))
    assert isinstance(board, DashboardFile), board
    return board


def texts() -> dict[str, str]:
    return {f"dashboards/{file.name}": file.read_text(encoding="utf-8") for file in FILES}


def runbooks() -> dict[str, str]:
    return {f"runbooks/{page.name}": page.read_text(encoding="utf-8") for page in (ROOT / "runbooks").glob("[A-Z]*.md")}


def queries(board: DashboardFile) -> Iterator[Query]:
    for one in asked(board):
        yield Query(
            board=one.board,
            title=one.title,
            kind=one.kind,
            expr=replaced(one.expr),
            instant=one.instant,
            empty_until=one.empty_until,
        )
