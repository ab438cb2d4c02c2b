"""The page that patients open: it has to hold what they need there, not merely to come."""

from __future__ import annotations

from exporters.blackbox.http_probe import HttpProbe

NEEDED = (b'name="practitioner"', b'name="date"', b'id="results"', b"</html>")
"""A choice of whom and when, what came of it, and the end: all of it arrived."""


def page(text: str) -> HttpProbe:
    """Make the probe; ``text`` is what another service's page has to hold instead."""
    needed = (text.encode(),) if text else NEEDED
    return HttpProbe("page", "/", lambda body: all(part in body for part in needed))
