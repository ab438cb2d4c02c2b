"""Runbooks as pages: found by name only, and harmless whatever they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.web import runbooks


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "procedures").mkdir()
    (tmp_path / "RedisDown.md").write_text("# RedisDown\n", encoding="utf-8")
    (tmp_path / "procedures" / "restore.md").write_text("# Restore\n", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("no", encoding="utf-8")
    return tmp_path


def test_runbooks_are_listed_with_procedures_last(directory: Path) -> None:
    assert runbooks.names(directory) == ("RedisDown", "procedures/restore")


@pytest.mark.parametrize("name", ["RedisDown", "RedisDown.md", "procedures/restore", "procedures/restore.md"])
def test_a_runbook_is_found_with_and_without_its_extension(directory: Path, name: str) -> None:
    assert runbooks.read(directory, name) is not None


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../secret.txt", "secret.txt", "procedures/../secret", "/etc/passwd", "a\0b", "Nothing", "x" * 99],
)
def test_nothing_but_a_runbook_is_read(directory: Path, name: str) -> None:
    assert runbooks.read(directory, name) is None


def test_html_in_a_runbook_is_shown_as_text() -> None:
    html = runbooks.render("<script>alert(1)</script>\n\n[x](javascript:alert(1)) `<b>`")
    assert "<script" not in html
    assert "href" not in html
    assert "&lt;b&gt;" in html


def test_markers_and_front_matter_are_left_out() -> None:
    html = runbooks.render("---\nalert: X\n---\n<!-- generated: begin -->\n# X\n<!-- generated: end -->\n")
    assert html.strip() == "<h1>X</h1>"


def test_tables_and_commands_are_rendered() -> None:
    html = runbooks.render("| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\nmonitor status\n```\n")
    assert "<table>" in html
    assert '<pre tabindex="0"><code class="language-sh">monitor status' in html


def test_a_runbook_that_cannot_be_read_costs_itself_and_one_odd_letter_costs_that(directory: Path) -> None:
    """Else the page of its alert would not open, and an alert is looked at when things are broken."""
    (directory / "Folder.md").mkdir()
    (directory / "Latin.md").write_bytes("# Gerät".encode("latin-1"))
    assert runbooks.read(directory, "Folder") is None
    assert runbooks.read(directory / "secret.txt", "RedisDown") is None
    assert runbooks.read(directory, "Latin") == "# Ger\ufffdt"
