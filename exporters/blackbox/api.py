"""The part of the API that needs no account: who can be booked."""

from __future__ import annotations

import json

from exporters.blackbox.http_probe import HttpProbe


def api(path: str) -> HttpProbe:
    """Make the probe of a FHIR search at this path, which has to find something."""
    return HttpProbe("api", path, finds_something)


def finds_something(body: bytes) -> bool:
    """Tell whether this is a Bundle with at least one resource."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    match found:
        case {"resourceType": "Bundle", "entry": [{"resource": {"id": str()}}, *_]}:
            return True
        case _:
            return False
