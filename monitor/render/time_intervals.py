"""Working hours and holidays as Alertmanager's time intervals, by the clinic's clocks. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Collection, Iterator

from monitor.catalogue import holidays, working_hours
from monitor.catalogue.model import Catalogue
from monitor.render.yaml_text import Value

WORKING_HOURS = "working-hours"
HOLIDAYS = "holidays"


def rendered(catalogue: Catalogue, used: Collection[str]) -> list[Value]:
    """Alertmanager's ``time_intervals``: those that routes refer to, by name."""
    zone = catalogue.recovery.time_zone if catalogue.recovery else "UTC"
    days = [span for text in catalogue.contacts.holidays for span in _days(text, zone)]
    found: dict[str, list[Value]] = {WORKING_HOURS: list(_hours(catalogue, zone)), HOLIDAYS: days}
    return [{"name": name, "time_intervals": spans} for name, spans in found.items() if name in used]


def _hours(catalogue: Catalogue, zone: str) -> Iterator[Value]:
    for days, spans in working_hours.week(catalogue.contacts.working_hours):
        yield {
            "weekdays": list(_runs(days)),
            "times": [
                {"start_time": working_hours.clock(start), "end_time": working_hours.clock(end)} for start, end in spans
            ],
            "location": zone,
        }


def _runs(days: tuple[int, ...]) -> Iterator[str]:
    """Days that follow one another as one range. Alertmanager's week begins on Sunday, so no range goes over it."""
    run: list[int] = []
    for day in [*days, 99]:
        if run and (day != run[-1] + 1 or day == len(working_hours.DAYS) - 1):
            first, last = (working_hours.DAYS[place] for place in (run[0], run[-1]))
            yield first if first == last else f"{first}:{last}"
            run = []
        run.append(day)


def _days(text: str, zone: str) -> Iterator[Value]:
    for year, month, first, last in holidays.by_month(holidays.parse(text)):
        days = str(first) if first == last else f"{first}:{last}"
        found: dict[str, Value] = {"days_of_month": [days], "months": [calendar.month_name[month].lower()]}
        yield found | ({"years": [str(year)]} if year else {}) | {"location": zone}
