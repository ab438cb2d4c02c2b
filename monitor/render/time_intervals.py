"""Working hours and holidays as Alertmanager's time intervals, by the clinic's clocks. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Iterator

from monitor.catalogue import working_hours
from monitor.catalogue.contacting import holiday
from monitor.catalogue.model import Catalogue
from monitor.render.yaml_text import Value

WORKING_HOURS = "working-hours"
HOLIDAYS = "holidays"


def rendered(catalogue: Catalogue) -> list[Value]:
    """Alertmanager's ``time_intervals``."""
    zone = catalogue.recovery.time_zone if catalogue.recovery else "UTC"
    found: list[Value] = [{"name": WORKING_HOURS, "time_intervals": list(_hours(catalogue, zone))}]
    if catalogue.contacts.holidays:
        found.append({"name": HOLIDAYS, "time_intervals": [_day(text, zone) for text in catalogue.contacts.holidays]})
    return found


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


def _day(text: str, zone: str) -> Value:
    year, month, day = holiday(text)
    found: dict[str, Value] = {"days_of_month": [str(day)], "months": [calendar.month_name[month].lower()]}
    return found | ({"years": [str(year)]} if year else {}) | {"location": zone}
