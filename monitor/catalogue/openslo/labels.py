"""What our SLOs are called, who owns them, and what their annotations say. Pure.

An SLO with several objectives becomes several of ours, each called by its name, ``-``, and the objective's display
name in lower-case letters, digits and dashes (``Within 1 s`` is ``within-1-s``), or its number from 1 where that leaves
nothing. So objectives with display names keep their names, and with them their history, whatever their order and
number; but an SLO's only objective has the SLO's own name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from monitor.catalogue.openslo.refusal import refuse
from monitor.catalogue.strict_yaml import Document

EXPECTED_REQUESTS = "expected_requests_per_hour"
"""The annotation that says how much traffic an SLO has, for where nobody has measured it yet."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME_RULE = "must be lower-case letters, digits and dashes, at most 63"
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective as it is written, and which of them it is, from 1."""

    path: str
    number: int
    data: Mapping[str, Any]


def name_of_objective(document: Document, slo: str, objective: Objective) -> str:
    """What one of several objectives of an SLO is called.

    Raises:
        Refused: its display name is too long to be part of a name.
    """
    spelt = unicodedata.normalize("NFKD", objective.data.get("displayName") or "").encode("ascii", "ignore").decode()
    suffix = re.sub(r"[^a-z0-9]+", "-", spelt.lower()).strip("-") or str(objective.number)
    found = f"{slo}-{suffix}"
    if not _NAME.fullmatch(found):
        message = f"makes the name {found}, which is longer than 63: choose a shorter one"
        raise refuse(document, f"{objective.path}.displayName", message)
    return found


def name(document: Document) -> str:
    """The SLO's own name: it becomes a label and part of files' names, so it is held to RFC 1123."""
    found: str = document.data["metadata"]["name"]
    if not _NAME.fullmatch(found):
        raise refuse(document, "metadata.name", _NAME_RULE)
    return found


def service(document: Document) -> None:
    """Nothing, where the name of the service can be a label."""
    if not _NAME.fullmatch(document.data["spec"]["service"]):
        raise refuse(document, "spec.service", f"{_NAME_RULE}, as the Service that it names")


def team(document: Document) -> str:
    """Who owns the SLO."""
    found = (document.data["metadata"].get("labels") or {}).get("team", "sre")
    if not isinstance(found, str) or not found.strip() or "{{" in found:
        raise refuse(document, "metadata.labels.team", "must be the name of one team in contacts.yaml")
    return found


def expected_requests(document: Document) -> Decimal | None:
    """How much traffic the SLO has, if its author says so."""
    written = (document.data["metadata"].get("annotations") or {}).get(EXPECTED_REQUESTS)
    if written is None:
        return None
    if not _NUMBER.fullmatch(written) or not (expected := Decimal(written)):
        message = "must be a number above 0 in quotes, such as '120' or '0.5'"
        raise refuse(document, f"metadata.annotations.{EXPECTED_REQUESTS}", message)
    return expected
