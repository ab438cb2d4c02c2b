"""Pages for people: what is watched and how it fares, and which families are large."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

from exporters.cardinality import Row
from exporters.fleet import Fleet
from exporters.markup import frame, table
from exporters.result import Result
from exporters.scrape import Scraper
from exporters.service import Service

OWN_PAGE = "own page"
_MOST_FAMILIES = 200


def landing(service: Service) -> str:
    """Write the page that says what is here and how it fares; what fails stands open."""
    fault = "<h2>The last reload failed</h2><p>What held before it still holds.</p>"
    fault += f"<pre>{escape(service.fault or '')}</pre>"
    everything = [(name or OWN_PAGE, _link(name), watched.scraper) for name, watched in service.fleet.all()]
    overview = table(
        "Targets",
        ("target", "state", "last scrape", "#series"),
        ((name, *_overview(scraper)) for name, _, scraper in everything),
    )
    details = "".join(
        f"<details{' open' if _failed(scraper) or link == 'metrics' else ''}><summary>{escape(name)}</summary>"
        f'{_states(name, scraper)}<p><a href="{escape(link)}">Scrape {escape(name)} now</a></p></details>'
        for name, link, scraper in everything
    )
    return frame(
        "Exporters",
        '<nav aria-label="Pages"><a href="metrics">Metrics</a> <a href="cardinality">Cardinality</a> '
        '<a href="sd">Service discovery</a> <a href="-/healthy">Healthy</a> <a href="-/ready">Ready</a></nav>'
        f"<p>Version {escape(service.process.version)}, {len(service.fleet.targets)} named targets.</p>"
        f"{fault if service.fault else ''}{overview}<h2>Collectors</h2>{details}",
    )


def cardinality(fleet: Fleet, found: Sequence[Row]) -> str:
    """Write the page that says which families are large, and how near their budget."""
    totals = table(
        "Series in the last scrape",
        ("target", "#series", "#past the budget"),
        (
            (
                name or OWN_PAGE,
                _total(row.series for row in found if row.target == name)
                if watched.scraper.last
                else "not scraped yet",
                _total(row.dropped for row in found if row.target == name),
            )
            for name, watched in fleet.all()
        ),
    )
    families = table(
        f"The {min(len(found), _MOST_FAMILIES)} largest families of {len(found)}",
        ("family", "target", "collector", "#series", "#budget", "#past the budget"),
        (
            (row.family, row.target or OWN_PAGE, row.collector, str(row.series), str(row.budget), str(row.dropped))
            for row in found[:_MOST_FAMILIES]
        ),
    )
    return frame(
        "Cardinality",
        '<nav aria-label="Pages"><a href="./">Exporters</a> <a href="cardinality?format=json">As JSON</a></nav>'
        "<p>Series past a family's budget are summed up in one series whose labels read <code>__other__</code> where a "
        "sum means something, and left out elsewhere; <code>exporter_series_dropped_total</code> counts both.</p>"
        f"{totals}{families}",
    )


def _link(name: str | None) -> str:
    return "metrics" if name is None else f"probe?target={quote(name)}"


def _failed(scraper: Scraper) -> list[str]:
    return [name for name, result in scraper.last.results.items() if result.reason is not None] if scraper.last else []


def _overview(scraper: Scraper) -> tuple[str, str, str]:
    if scraper.last is None:
        return "not scraped yet", "", ""
    failed = _failed(scraper)
    words = f"failed: {', '.join(failed)}" if failed else f"ok, {len(scraper.last.results)} collectors"
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(scraper.last.at))
    return words, at, _total(sum(result.series.values()) for result in scraper.last.results.values())


def _states(name: str, scraper: Scraper) -> str:
    if scraper.last is None:
        return f"<p>Not scraped yet. Collectors: {escape(', '.join(sorted(scraper.names)))}.</p>"
    return table(
        f"{name}: collectors in the last scrape",
        ("collector", "state", "#took (ms)", "#age (s)", "#series"),
        (_cells(collector, result) for collector, result in scraper.last.results.items()),
    )


def _cells(collector: str, result: Result) -> tuple[str, ...]:
    words = "paused: the source is struggling" if result.readings.paused else "ok"
    if result.reason is not None:
        words = f"failed: {result.reason.value}"
    series = _total(result.series.values())
    return collector, words, f"{result.seconds * 1e3:.1f}", f"{result.readings.age:.0f}", series


def _total(numbers: Iterable[int]) -> str:
    return str(sum(numbers))
