"""Runbooks as pages: Markdown from the repository's ``runbooks/`` directory -> HTML that is safe to show.

HTML inside the Markdown is shown as text, never as markup, and links with dangerous schemes are not made.
"""

from __future__ import annotations

import re
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

_NAME = re.compile(r"(procedures/)?[A-Za-z][A-Za-z0-9_-]{0,79}")
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)

_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


def names(directory: Path) -> tuple[str, ...]:
    """List the runbooks, procedures last, as their URLs name them."""
    pages = sorted(file.stem for file in directory.glob("*.md") if _NAME.fullmatch(file.stem))
    procedures = sorted(f"procedures/{file.stem}" for file in directory.glob("procedures/*.md"))
    return (*pages, *(name for name in procedures if _NAME.fullmatch(name)))


def read(directory: Path, name: str) -> str | None:
    """Return a runbook's Markdown; ``None`` where there is none of that name. ``name`` may be anything at all."""
    plain = name.removesuffix(".md")
    if not _NAME.fullmatch(plain):
        return None
    try:
        return (directory / f"{plain}.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def render(text: str) -> Markup:
    """Turn Markdown into HTML; the markers of generated parts and the front matter are left out."""
    body = _COMMENT.sub("", _FRONT_MATTER.sub("", text))
    return Markup(_markdown.render(body))  # noqa: S704  # markdown-it escaped it: html is off
