"""The queries that runbooks show: PromQL, of series that somebody declares. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from monitor.catalogue import promql
from monitor.catalogue.model import Catalogue, Place
from monitor.check.finding import Finding, finding
from monitor.check.series import Declared
from monitor.render.dashboards_promql import replaced

_BLOCK = re.compile(r"^```promql\n(?P<query>.*?)^```", re.MULTILINE | re.DOTALL)


def queries_of(pages: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """Every query of every page, and where it stands."""
    for path, page in sorted(pages.items()):
        for block in _BLOCK.finditer(page):
            yield Place(file=path, line=page.count("\n", 0, block.start("query")) + 1), block["query"].strip()


def runbook_queries(catalogue: Catalogue, pages: Mapping[str, str]) -> Iterator[Finding]:
    """Queries that nobody can run, or that read what nobody exposes: at night they cost the minutes that count."""
    declared = Declared(catalogue)
    for place, query in queries_of(pages):
        try:
            expr = promql.parse(replaced(query))
        except ValueError as error:
            yield finding(place, "no-promql", f"the query {query} {error}", "correct it")
            continue
        for selector in promql.selectors(expr):
            yield from declared.problems(place, selector)
