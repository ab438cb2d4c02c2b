"""What the API's answers must hold; whatever they lack is a step that failed."""

from __future__ import annotations

import json
from typing import Any


class StepError(Exception):
    """A step failed: ``reason`` is one of ``FAILURES``, ``status`` that of the answer, 0 without one."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


_REFUSALS = range(400, 500)


def surely_refused(error: StepError) -> bool:
    """Tell whether nothing can have been done: the request was turned down, or never sent."""
    return error.status in _REFUSALS or error.reason in {"dns", "tls"}


def parsed(content: bytes, status: int) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        StepError: it is none.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise StepError("malformed", status) from None
    if not isinstance(found, dict):
        raise StepError("content", status)
    return found


def resources(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """Take the resources out of a FHIR search.

    Raises:
        StepError: it is none.
    """
    entries = bundle.get("entry")
    if bundle.get("resourceType") != "Bundle" or not isinstance(entries, list):
        raise StepError("content", 200)
    found = [one.get("resource") for one in entries if isinstance(one, dict)]
    whole = [one for one in found if isinstance(one, dict)]
    expect(len(whole) == len(entries), 200)
    return whole


def text(resource: dict[str, Any], name: str) -> str:
    """Take a text that must be there.

    Raises:
        StepError: it is not.
    """
    found = resource.get(name)
    if not isinstance(found, str) or not found:
        raise StepError("content", 200)
    return found


def expect(so: bool, status: int) -> None:  # noqa: FBT001  # reads as an assertion
    """Hold an answer to what it must say.

    Raises:
        StepError: it does not.
    """
    if not so:
        raise StepError("content", status)
