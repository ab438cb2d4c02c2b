"""Pages for people: what is watched and how it fares, and which families are large. Plain HTML, no scripts."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

from aiohttp import web

from exporters.cardinality import Row
from exporters.fleet import Fleet
from exporters.scrape import Scraper, State
from exporters.service import Service

_STYLE = """
:root{color-scheme:light dark;--line:#8884}
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0 2rem;width:100%}
caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
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
_MOST_FAMILIES = 200


def answer(page: str) -> web.Response:
    """Send a page that may load and run nothing."""
    return web.Response(text=page, content_type="text/html", headers=_HEADERS)


def landing(service: Service) -> str:
    """Write the page that says what is here."""
    fleet = service.fleet
    fault = "<h2>The last reload failed</h2><p>What held before it still holds.</p>"
    fault += f"<pre>{escape(service.fault or '')}</pre>"
    targets = "".join(
        f"<h2>{escape(name)}</h2>{_states(watched.scraper, f'probe?target={quote(name)}')}"
        for name, watched in sorted(fleet.targets.items())
    )
    return _frame(
        "Exporters",
        '<nav aria-label="Pages"><a href="metrics">Metrics</a> <a href="cardinality">Cardinality</a> '
        '<a href="sd">Service discovery</a> <a href="-/healthy">Healthy</a> <a href="-/ready">Ready</a></nav>'
        f"<p>Version {escape(service.process.version)}.</p>"
        f"{fault if service.fault else ''}"
        f"<h2>This exporter's own page</h2>{_states(fleet.main.scraper, 'metrics')}{targets}",
    )


def cardinality(fleet: Fleet, found: Sequence[Row]) -> str:
    """Write the page that says which families are large, and how near their budget."""
    totals = _table(
        "Series in the last scrape",
        ("target", "#series", "#past the budget"),
        (
            (
                "own page" if name is None else name,
                str(sum(row.series for row in found if row.target == name))
                if watched.scraper.last
                else "never scraped",
                str(sum(row.dropped for row in found if row.target == name)),
            )
            for name, watched in fleet.all()
        ),
    )
    families = _table(
        f"The {min(len(found), _MOST_FAMILIES)} largest families of {len(found)}",
        ("family", "target", "collector", "#series", "#budget", "#past the budget"),
        (
            (row.family, row.target or "own page", row.collector, str(row.series), str(row.budget), str(row.dropped))
            for row in found[:_MOST_FAMILIES]
        ),
    )
    return _frame(
        "Cardinality",
        '<nav aria-label="Pages"><a href="./">Exporters</a> <a href="cardinality?format=json">As JSON</a></nav>'
        "<p>Series past a family's budget are summed up in one series whose labels read <code>__other__</code> where a "
        "sum means something, and left out elsewhere; <code>exporter_series_dropped_total</code> counts both.</p>"
        f"{totals}{families}",
    )


def _states(scraper: Scraper, link: str) -> str:
    last = scraper.last
    if last is None:
        names = ", ".join(sorted(scraper.names))
        return f'<p>Not scraped yet. Collectors: {escape(names)}. <a href="{escape(link)}">Scrape it now</a></p>'
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(last.at))
    return (
        _table(
            f"Collectors in the last scrape, {at}",
            ("collector", "state", "#took (ms)", "#age (s)", "#series"),
            (_cells(state) for state in last.states),
        )
        + f'<p><a href="{escape(link)}">Scrape it now</a></p>'
    )


def _cells(state: State) -> tuple[str, ...]:
    words = "paused: the source is struggling" if state.paused else "ok"
    if state.reason is not None:
        words = f"failed: {state.reason.value}"
    return (
        state.name,
        words,
        f"{state.seconds * 1e3:.1f}",
        f"{state.age:.0f}" if state.age else "0",
        str(sum(state.series.values())),
    )


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
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


def _frame(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    )
