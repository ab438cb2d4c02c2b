"""Crontabs as ``monitor work`` can follow them: five fields of numbers, names, lists, ranges and steps. Pure.

APScheduler has the last word there; here is refused what it would refuse, and what it would wait for in vain.
"""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_OR_A_RANGE = dict.fromkeys(("minute", "hour", "day", "month"), " or a range")
_ITEM = re.compile(r"(?:(?P<all>\*)|(?P<first>[a-z0-9]{1,3})(?:-(?P<last>[a-z0-9]{1,3}))?)(?:/(?P<step>[0-9]{1,2}))?")


def check(text: str) -> None:
    """See whether a text is a crontab that comes round.

    Raises:
        ValueError: it is not; the message says which field.
    """
    parts = text.lower().split()
    if len(parts) != len(_FIELDS):
        raise ValueError("must be five fields, minute hour day month weekday, such as 30 3 * * 1")
    values = [_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
    _, _, days, months, _ = values
    if all(day > _DAYS[month - 1] for day in days for month in months):
        raise ValueError(f"never comes: no such month has a day {min(days)}")


def _values(part: str, name: str, lowest: int, highest: int) -> list[int]:
    """Every number that a field stands for."""
    values: list[int] = []
    for item in part.split(","):
        found = _ITEM.fullmatch(item)
        if found is None:
            raise ValueError(f"has {item!r} for its {name}: write a number, a-b, * or */n, with commas between them")
        first, last = _ends(found, name, lowest, highest)
        step = int(found["step"] or 1)
        if found["step"] and not found["all"] and (found["last"] is None or name == "weekday"):
            raise ValueError(f"has {item!r} for its {name}: a step stands after *{_OR_A_RANGE.get(name, '')} only")
        if not 1 <= step <= max(last - first, 1):
            raise ValueError(f"has {item!r} for its {name}: a step must be from 1 to {max(last - first, 1)}")
        values += range(first, last + 1, step)
    return values


def _ends(found: re.Match[str], name: str, lowest: int, highest: int) -> tuple[int, int]:
    if found["all"]:
        return lowest, 6 if name == "weekday" else highest
    first = _number(found["first"], name)
    last = _number(found["last"], name) if found["last"] else first
    if name == "weekday" and found["last"] == "sun":
        last = 7
    if not lowest <= first <= highest or not lowest <= last <= highest:
        raise ValueError(f"has {found[0]!r} for its {name}: it must be from {lowest} to {highest}")
    # The scheduler's weeks begin on Monday: a range from Sunday on would run backwards there.
    if first > last or (name == "weekday" and first == 0 < last):
        raise ValueError(f"has {found[0]!r} for its {name}: a range goes forwards, in a week from 1 (Monday) to 7")
    return first, last


def _number(word: str, name: str) -> int:
    names = {"month": (1, _MONTHS), "weekday": (0, _WEEKDAYS)}
    if name in names and word in names[name][1]:
        return names[name][0] + names[name][1].index(word)
    if not word.isdigit():
        raise ValueError(f"has {word!r} for its {name}: write a number")
    return int(word)
