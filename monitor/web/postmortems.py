"""The draft of a postmortem: what the machine knows is filled in, what only people know is asked. Pure, Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from monitor import clock
from monitor.catalogue.model import Environment
from monitor.web import words
from monitor.web.incident import Incident, took

_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~])")


def draft(incident: Incident, environment: Environment, now: datetime) -> str:
    """The whole draft. Times are UTC: whoever reads it may sit elsewhere."""
    return "\n".join(_lines(incident, environment, now)) + "\n"


def plain(text: str) -> str:
    """A text in which Markdown finds nothing to act on, on one line."""
    return _SIGNS.sub(r"\\\1", words.harmless(text))


def _lines(incident: Incident, environment: Environment, now: datetime) -> Iterator[str]:
    alert = incident.alert
    name = plain(alert.labels.get("alertname", "Alert"))
    yield f"# {name}: {plain(alert.annotations.get('summary', ''))}"
    yield ""
    made = clock.to_rfc3339(now.replace(microsecond=0))
    yield f"Draft of {made}, environment {plain(environment.name)}. Blameless: it is about what, not who."
    yield ""
    yield "| | |"
    yield "|---|---|"
    for title, value in took(incident, "UTC").items():
        yield f"| {title} | {plain(value)} |"
    for label in ("severity", "slo", "component", "team"):
        if alert.labels.get(label):
            yield f"| {label.capitalize()} | {plain(alert.labels[label])} |"
    yield ""
    yield "## Impact"
    yield ""
    yield plain(alert.annotations.get("impact", "")) or "Who noticed what, and for how long?"
    yield ""
    yield "How many patients: `monitor report --period` over the day tells the failed requests."
    yield ""
    yield "## Timeline (UTC)"
    yield ""
    yield "| Time | What |"
    yield "|---|---|"
    for entry in incident.entries:
        yield f"| {entry.at:%Y-%m-%d %H:%M:%S} | {plain(entry.text)} |"
    if incident.cut:
        yield "| … | more happened than is listed here |"
    yield ""
    for heading, question in _QUESTIONS:
        yield f"## {heading}"
        yield ""
        yield f"_{question}_"
        yield ""
    yield "## What will be done"
    yield ""
    yield "| Action | Kind (prevent, detect, mitigate) | Owner | Due |"
    yield "|---|---|---|---|"
    yield "| | | | |"


_QUESTIONS = (
    ("What happened", "In four sentences, for somebody who was not there."),
    ("Why it happened", "The conditions that had to meet, not the one person."),
    ("How it was noticed", "Did the alert come before the patients? Was its text right? Was the runbook?"),
    ("What went well", "Keep it."),
    ("What went badly", "Including luck that may not be there next time."),
)
