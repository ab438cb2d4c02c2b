"""What the documents say is true: commands, targets, links and paths exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from monitor.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
WRAPPED = r"(?:[\w./-]+ )*?(?:[\w./-]*/)?"
"""What may stand before a command of ours: the venv's path, ``docker compose exec work``."""
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("runbooks/**/*.md")])


def test_there_are_pages_to_hold_to_their_word() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {page.name for page in PAGES}


def commands_shown(text: str) -> list[list[str]]:
    """Every whole command line of ours, from code blocks and from backticks, as arguments after ``monitor``."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    found = [
        re.fullmatch(rf"\s*(?:\$ )?{WRAPPED}monitor( [^#|;&>]*)?(?:[#|;&>].*)?", line, re.DOTALL) for line in lines
    ]
    # What may be left out is written in brackets, and must be right too.
    return [shlex.split(re.sub(r"[\[\]]", " ", match[1] or "")) for match in found if match and match[1]]


def complaint(arguments: list[str]) -> str:
    """What click says to a command line, without running it: each command of the chain parses what is its own."""
    command: click.Command = main
    context, rest = click.Context(main, info_name="monitor"), arguments
    try:
        while isinstance(command, click.Group):
            context = command.make_context(context.info_name, list(rest), parent=context.parent)
            rest = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None
            context, command = click.Context(found, info_name=name, parent=context), found
        command.make_context(context.info_name, list(rest), parent=context.parent)
    except click.exceptions.Exit:
        return ""
    except click.ClickException as error:
        return error.format_message()
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_a_page_shows_is_one_that_runs(page: Path) -> None:
    wrong = {
        " ".join(arguments): said
        for arguments in commands_shown(page.read_text(encoding="utf-8"))
        if (said := complaint(arguments))
    }
    assert wrong == {}


def test_a_command_line_is_found_in_blocks_and_backticks_and_held_to_every_option() -> None:
    text = (
        "Take `monitor backup prune --kep 3`, or `docker compose exec work monitor slo list`.\n\n"
        "```sh\n.venv/bin/monitor drill run   # kill\nmonitor report --period [1h]\n```\n"
        "`monitor` does it; `monitor.toml`, and monitors in prose, are no commands: `monitor backup`\n"
    )
    shown = commands_shown(text)
    assert sorted(map(" ".join, shown)) == [
        "backup",
        "backup prune --kep 3",
        "drill run",
        "report --period 1h",
        "slo list",
    ]
    wrong = {" ".join(arguments) for arguments in shown if complaint(arguments)}
    assert wrong == {"backup", "backup prune --kep 3", "drill run"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_a_page_shows_exists(page: Path) -> None:
    rules = re.findall(r"^([a-z0-9 -]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    shown = set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
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
