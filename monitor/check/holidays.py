"""Holidays that are still to come. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from monitor.catalogue.holidays import parse
from monitor.catalogue.model import Catalogue
from monitor.check.finding import Finding, finding
from monitor.check.routes import CONTACTS


def past_holidays(catalogue: Catalogue, today: date) -> Iterator[Finding]:
    """A list that ends: whoever wrote its last year down has to write the next one, too."""
    days = [parse(text).over for text in catalogue.contacts.holidays]
    if (last := max((day for day in days if day is not None), default=None)) and last < today:
        message = (
            f"the last listed holiday is past ({last}): working hours are kept, and pages go out, on the next ones"
        )
        yield finding(CONTACTS, "past-holidays", message, "list those to come, or remove those that are past")
