"""Working hours as people write them, and as the spans of a week that Alertmanager understands. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from monitor.catalogue.model import WorkingHours

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MIDNIGHT = 24 * 60
_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")


def days(text: str) -> tuple[int, ...]:
    """``monday:friday`` or ``saturday`` as places in ``DAYS``; ``saturday:monday`` goes over the week's end.

    Raises:
        ValueError: it is no such days.
    """
    first, colon, last = text.partition(":")
    if first not in DAYS or (colon and last not in DAYS):
        raise ValueError(f"{text!r} is no day, and no days such as monday:friday")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return tuple(day % 7 for day in range(start, end + 1 if end >= start else end + 8))


def span(text: str) -> tuple[int, int]:
    """``08:00-18:00`` as minutes of the day; the second is the smaller one where it means the next day.

    Raises:
        ValueError: it is no such span, or has no length.
    """
    if (match := _SPAN.fullmatch(text)) is None:
        raise ValueError(f"{text!r} is no span such as 08:00-18:00 (from 00:00 to 24:00)")
    start = int(match[1]) * 60 + int(match[2])
    end = MIDNIGHT if match[3] is None else int(match[3]) * 60 + int(match[4])
    if start == end:
        raise ValueError(f"{text!r} ends when it begins: write 00:00-24:00 for a whole day")
    return start, end


def week(entries: Sequence[WorkingHours]) -> tuple[tuple[tuple[int, ...], tuple[tuple[int, int], ...]], ...]:
    """Spans of minutes by the days that have them: none goes over midnight, none touches another."""
    by_day: dict[int, list[tuple[int, int]]] = {day: [] for day in range(7)}
    for day, start, end in _spans(entries):
        by_day[day].append((start, end))
    same: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for day, spans in by_day.items():
        if spans:
            same.setdefault(_joined(spans), []).append(day)
    return tuple((tuple(found), spans) for spans, found in same.items())


def _spans(entries: Sequence[WorkingHours]) -> Iterator[tuple[int, int, int]]:
    for entry in entries:
        for day in sorted({day for text in entry.days for day in days(text)}):
            for start, end in map(span, entry.hours):
                if start < end:
                    yield day, start, end
                else:
                    yield day, start, MIDNIGHT
                    if end:
                        yield (day + 1) % 7, 0, end


def _joined(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def clock(minutes: int) -> str:
    """Minutes of the day as ``08:30``; the day's end is ``24:00``."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
