"""A runbook can be followed at night: its links lead somewhere, its commands say what they do, all of it is written.

Pure. Its queries are for :mod:`monitor.check.runbook_queries`, its sections for :mod:`monitor.check.alerts`.
"""

from __future__ import annotations

import posixpath
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from monitor.catalogue.model import Place
from monitor.check.finding import Finding, finding
from monitor.render.runbooks import END, FOLDER, is_of_alert

READ_ONLY, CHANGES = "read-only", "CHANGES STATE"
_PROGRAMS = """
amtool apt cat chmod chown chronyc cp curl date df dig docker du free grep head iostat ip journalctl kill kubectl ls
lsof mkdir monitor mongosh mv nc openssl pgrep ping promtool ps redis-cli rm ss sudo systemctl tail timedatectl top
uptime vmstat
"""
PROGRAMS = frozenset(_PROGRAMS.split())
"""What a command in a line of text begins with."""
PROCESSES = frozenset({"monitor serve", "monitor work"})
"""Named so, not told to be run."""

_CODE = re.compile(r"`([^`\n]+)`")
_MARK = re.compile(f"{READ_ONLY}|{CHANGES}")
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<to>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_UNFINISHED = re.compile(r"\b(TODO|TBD|FIXME|WIP|XXX)\b")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|/", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that a page tells somebody to run; ``mark`` is empty where the page does not say what it does."""

    text: str
    mark: str


def unfit_pages(pages: Mapping[str, str]) -> Iterator[Finding]:
    """Everything that would cost whoever follows a page the minutes that count; ``pages`` are by path."""
    for path, page in sorted(pages.items()):
        yield from _dead_links(path, page, pages)
        for word in _UNFINISHED.finditer(page):
            message = f"{word[0]}: something is left to be written"
            yield finding(_place(path, page, word.start()), "unfinished-runbook", message, "write it, or take it out")
        # Procedures are run by hand from the first line to the last; a page of an alert is skimmed.
        for command in commands(_prose(page)) if is_of_alert(path) else ():
            if not command.mark:
                shown = command.text.strip().splitlines()[0]
                message = f"`{shown}` does not say whether it changes anything"
                place = _place(path, page, page.find(shown))
                yield finding(place, "unmarked-command", message, f"write ({READ_ONLY}) or ({CHANGES}) behind it")


def commands(text: str) -> tuple[Command, ...]:
    """Every command in backticks, and every shell block; the mark of a block is in it, or stands before it."""
    found = []
    for block in _BLOCK.finditer(text):
        if block[2] in {"sh", "bash", "shell"}:
            script = textwrap.dedent(block[3])
            found.append(Command(text=script, mark=_mark(script, text[: block.start()])))
    for paragraph in _paragraphs(_BLOCK.sub("\n", text)):
        found += [
            Command(text=code[1], mark=_mark(paragraph[code.end() :], paragraph[: code.start()]))
            for code in _CODE.finditer(paragraph)
            if code[1].split()[:1] and code[1].split()[0] in PROGRAMS and " " in code[1] and code[1] not in PROCESSES
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


def _dead_links(path: str, page: str, pages: Mapping[str, str]) -> Iterator[Finding]:
    """Links to pages and headings that there are not; what stands elsewhere nobody here knows."""
    head, mark, prose = page.partition(END)
    # What is generated, and what stands in blocks, links to nothing that its writer could correct.
    written = _blank(head + mark) + prose if mark else page
    for link in _LINK.finditer(_BLOCK.sub(lambda block: _blank(block[0]), written)):
        to, _, anchor = link["to"].partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), to)) if to else path
        if _ADDRESS.match(to) or not target.endswith(".md") or not target.startswith(f"{FOLDER}/"):
            continue
        if target not in pages:
            why = f"there is no page {target}"
        elif anchor and anchor not in _anchors(pages[target]):
            why = f"{target} has no heading for #{anchor}"
        else:
            continue
        place = _place(path, page, link.start())
        yield finding(place, "dead-runbook-link", f"the link {link['to']} leads nowhere: {why}", "correct it")


def _blank(text: str) -> str:
    """As long as the text, and on as many lines."""
    return re.sub(r"[^\n]", " ", text)


def _anchors(page: str) -> frozenset[str]:
    """What a page's headings are called in links: small letters, hyphens for gaps, no other signs."""
    return frozenset(re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in _HEADING.findall(page))


def _place(path: str, page: str, at: int) -> Place:
    return Place(file=path, line=page.count("\n", 0, at) + 1 if at >= 0 else 0)


def _prose(page: str) -> str:
    """What people wrote below the generated head."""
    _, mark, rest = page.partition(END)
    return rest if mark else page
