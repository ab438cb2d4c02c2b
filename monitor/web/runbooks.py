"""Runbooks as pages: Markdown from the repository's ``runbooks/`` directory -> HTML that is safe to show.

HTML inside the Markdown is shown as text, never as markup, and links with dangerous schemes are not made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urljoin

from markdown_it import MarkdownIt
from markdown_it.token import Token
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
    """Return a runbook's Markdown; ``None`` where there is none of that name. ``name`` may be anything at all.

    One that cannot be read is none, and a letter that is no UTF-8 costs itself: an alert's page shows the rest.
    """
    plain = name.removesuffix(".md")
    if not _NAME.fullmatch(plain):
        return None
    try:
        return (directory / f"{plain}.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def prose(text: str) -> str:
    """What people wrote below the generated head: where the alert itself is shown, its head is said already."""
    _, mark, rest = text.partition("<!-- End of the generated part. -->")
    return rest if mark else text


def queries(text: str) -> tuple[str, ...]:
    """The PromQL blocks of a runbook, each once, in order."""
    found = (token.content.strip() for token in _tokens(text) if _is_query(token))
    return tuple(dict.fromkeys(found))


def render(text: str, values: Mapping[str, Markup] = MappingProxyType({}), *, name: str = "") -> Markup:
    """Turn Markdown into HTML; the markers of generated parts and the front matter are left out.

    ``values`` is what stands under a query, by the query's text. Links to other runbooks begin where the one of this
    ``name`` stands, whichever page shows it.
    """
    tokens: list[Token] = []
    for token in _tokens(text):
        tokens.append(token)
        for link in (child for child in token.children or () if child.type == "link_open"):
            with suppress(ValueError):  # no address at all: it stays as it was written
                link.attrSet("href", urljoin(f"/runbooks/{name}", str(link.attrGet("href"))))
        if _is_query(token) and (value := values.get(token.content.strip())):
            tokens.append(Token("html_block", "", 0, content=str(value)))
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    # A long line scrolls, and who has no mouse must be able to scroll it; no text can hold a tag, for all is escaped.
    html = html.replace("<pre>", '<pre tabindex="0">')
    return Markup(html)  # noqa: S704  # markdown-it escaped it: html is off; what was added is Markup


def _tokens(text: str) -> list[Token]:
    return _markdown.parse(_COMMENT.sub("", _FRONT_MATTER.sub("", text)))


def _is_query(token: Token) -> bool:
    return token.type == "fence" and token.info.strip() == "promql"
