"""What the documents say is true: commands, targets, links and paths exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("runbooks/**/*.md")])


def test_there_are_pages_to_hold_to_their_word() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_a_page_shows_exists(page: Path) -> None:
    shown = set(re.findall(r"(?:`|bin/|^)monitor ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert shown <= set(COMMANDS), shown - set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_a_page_shows_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert shown <= targets, shown - targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    dead = [link for link in links if not (page.parent / link).exists()]
    assert dead == []


def test_help_lists_a_line_for_every_command_and_loads_each() -> None:
    runner = CliRunner()
    listed = runner.invoke(main, ["--help"])
    assert listed.exit_code == 0
    for name, (_, text) in COMMANDS.items():
        assert name in listed.output
        assert text
        assert runner.invoke(main, [name, "--help"]).exit_code == 0, name
