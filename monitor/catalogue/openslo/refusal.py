"""How reading an SLO gives up: with every fault of every part, and never with the first alone. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monitor.catalogue.strict_yaml import Document
from monitor.errors import Fault


class Refused(Exception):  # noqa: N818  # faults on their way up, which never leave this package
    """A part that cannot be read; without faults where somebody else has told of them."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self.faults = faults


def refuse(document: Document, path: str, message: str) -> Refused:
    """A refusal with one fault."""
    return Refused(document.fault("wrong-value", message, path))


def together(*builds: Callable[[], Any]) -> list[Any]:
    """Build all of these, or refuse with everything that is wrong with any of them."""
    values: list[Any] = []
    refusals: list[Refused] = []
    for build in builds:
        try:
            values.append(build())
        except Refused as refusal:
            refusals.append(refusal)
    if refusals:
        raise Refused(*dict.fromkeys(fault for refusal in refusals for fault in refusal.faults))
    return values
