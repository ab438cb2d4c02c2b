"""Plain HTML for people: tables with captions, headings, both colour schemes; no scripts, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from aiohttp import web

_STYLE = """
:root{color-scheme:light dark;--line:#8884}
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
tbody th{font-weight:400}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;min-width:60%}
caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{text-align:left;padding:.25rem 1.2rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
th,td:first-child{white-space:nowrap}
.scroll{overflow-x:auto}
details{border:1px solid var(--line);border-radius:.3rem;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer;font-weight:600}
details table{margin-bottom:.5rem}
.bad{color:#b00020;font-weight:600}
pre{white-space:pre-wrap;border-left:.3rem solid #b00020;padding-left:.8rem}
nav a{margin-right:1rem}
@media (prefers-color-scheme:dark){.bad{color:#ff8a80}pre{border-color:#ff8a80}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
NOT_KEPT = {"Cache-Control": "no-store"}
_HEADERS = NOT_KEPT | {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def answer(page: str) -> web.Response:
    """Send a page that may load and run nothing."""
    return web.Response(text=page, content_type="text/html", headers=_HEADERS)


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; a head that begins with ``#`` stands over numbers, and the first column names its row."""
    number = [head.startswith("#") for head in heads]
    head = "".join(
        f'<th scope="col"{_class(number=is_number)}>{escape(text.lstrip("#"))}</th>'
        for text, is_number in zip(heads, number, strict=True)
    )
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(
            f"<td{_class(number=is_number, bad=text.startswith('failed'))}>{escape(text)}</td>"
            for text, is_number in zip(row[1:], number[1:], strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _class(*, number: bool, bad: bool = False) -> str:
    return ' class="n"' if number else ' class="bad"' if bad else ""


def frame(title: str, body: str) -> str:
    """Write a whole page."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    )
