"""The runbooks as they are read: their commands with the mark that each carries, their queries, their links."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from monitor.web import runbooks

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "runbooks"
ALERTS = tuple(sorted(FOLDER.glob("*.md")))
PROCEDURES = tuple(sorted(FOLDER.glob("procedures/*.md")))
PAGES = (*ALERTS, *PROCEDURES)

PROGRAMS = frozenset(
    {"amtool", "apt", "cat", "chmod", "chown", "chronyc", "cp", "curl", "date", "df", "dig", "docker", "du", "free"}
    | {"grep", "head", "iostat", "ip", "journalctl", "kill", "ls", "lsof", "mkdir", "monitor", "mongosh", "mv", "nc"}
    | {
        "openssl",
        "pgrep",
        "ping",
        "promtool",
        "ps",
        "redis-cli",
        "rm",
        "ss",
        "sudo",
        "systemctl",
        "tail",
        "timedatectl",
    }
    | {"top", "uptime", "vmstat"}
)
PROCESSES = frozenset({"monitor serve", "monitor work"})
"""Named so, not told to be run."""
READ_ONLY, CHANGES = "read-only", "CHANGES STATE"
_CODE = re.compile(r"`([^`\n]+)`")
_MARK = re.compile(f"{READ_ONLY}|{CHANGES}")
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


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
    """Every command in backticks, and every shell block; the mark of a block is in it, or stands before it."""
    text = prose(page)
    found = []
    for block in _BLOCK.finditer(text):
        if block[2] in {"sh", "bash", "shell"}:
            script = textwrap.dedent(block[3])
            found.append(Command(page=page.name, text=script, mark=_mark(script, text[: block.start()])))
    for paragraph in _paragraphs(_BLOCK.sub("\n", text)):
        found += [
            Command(page=page.name, text=code[1], mark=_mark(paragraph[code.end() :], paragraph[: code.start()]))
            for code in _CODE.finditer(paragraph)
            if code[1].split()[0] in PROGRAMS and " " in code[1] and code[1] not in PROCESSES
        ]
    return tuple(found)


def _mark(after: str, before: str = "") -> str:
    """The next mark in the paragraph; where none comes, the last one before it: "Restart it (CHANGES STATE): ..."."""
    if found := _MARK.search(after):
        return found[0]
    found_before: list[str] = _MARK.findall(before)
    return found_before[-1] if found_before else ""


def _paragraphs(text: str) -> list[str]:
    """Paragraphs, entries of lists, and rows of tables, each on one line."""
    parts = re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=\|)", text)
    return [" ".join(part.split()) for part in parts]
