"""Which families hold how many series: what to look at when a Prometheus grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from exporters.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Row:
    """One family in the last scrape of one target; ``target`` is ``None`` for the exporter's own page."""

    target: str | None
    collector: str
    family: str
    series: int
    budget: int
    dropped: int


def rows(fleet: Fleet) -> list[Row]:
    """Return all families of all targets, those with the most series first."""
    found = []
    for name, watched in fleet.all():
        last = watched.scraper.last
        for collector, result in last.results.items() if last is not None else ():
            past = result.readings.dropped
            for family, series in {**dict.fromkeys(past, 0), **result.series}.items():
                found.append(Row(name, collector, family, series, watched.scraper.budget, past.get(family, 0)))
    return sorted(found, key=lambda row: (-row.series, row.family, row.target or ""))


def as_json(fleet: Fleet, found: list[Row]) -> Mapping[str, object]:
    """Return the same for programs; a target that was never scraped has ``scraped_at`` null."""
    return {
        "targets": [
            {
                "target": name,
                "scraped_at": watched.scraper.last.at if watched.scraper.last is not None else None,
                "series": sum(row.series for row in found if row.target == name),
                "dropped": sum(row.dropped for row in found if row.target == name),
            }
            for name, watched in fleet.all()
        ],
        "families": [asdict(row) for row in found],
    }
