"""The runbooks as they are read: their commands with the mark that each carries, their queries, their links."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.check import runbook_pages
from monitor.check.runbook_pages import READ_ONLY
from monitor.web import runbooks

__all__ = ["ALERTS", "PAGES", "PROCEDURES", "READ_ONLY", "commands", "prose"]

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "runbooks"
ALERTS = tuple(sorted(FOLDER.glob("*.md")))
PROCEDURES = tuple(sorted(FOLDER.glob("procedures/*.md")))
PAGES = (*ALERTS, *PROCEDURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that a page tells somebody to run; ``mark`` is empty where the page does not say what it does."""

    page: str
    text: str
    mark: str


def prose(page: Path) -> str:
    """What people wrote."""
    return runbooks.prose(page.read_text(encoding="utf-8"))


def commands(page: Path) -> tuple[Command, ...]:
    """Every command of a page."""
    return tuple(Command(page=page.name, text=one.text, mark=one.mark) for one in runbook_pages.commands(prose(page)))
