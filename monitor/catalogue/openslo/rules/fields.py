"""OpenSLO's own kinds of text, its ``metadata``, and what stands in for an object elsewhere. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

from monitor.catalogue import naming
from monitor.catalogue.openslo.rules.containers import Field, each, entries, mapping
from monitor.catalogue.openslo.rules.scalars import at_most, equal_to, matching, one_of, text
from monitor.catalogue.openslo.rules.violation import Rule, Violation, called

API_VERSION = "openslo/v1"
OPERATORS = ("lte", "gte", "lt", "gt")

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ANY_NAME = re.compile(r"[A-Za-z0-9.|/\\-]{1,255}")
_SEGMENT = r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?"
_SUBDOMAIN = r"(?=[^/]{1,253}/)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*"
_LABEL_KEY = re.compile(_SEGMENT)
_ANNOTATION_KEY = re.compile(rf"({_SUBDOMAIN}/)?{_SEGMENT}")
_START = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
SHORTHAND = re.compile(r"([0-9]+)([mhdwMQY])")

_KEY = "at most 63 letters, digits, dashes, dots and underscores, with a letter or digit at both ends"


class Mode(StrEnum):
    """By whose word a file is valid: that of OpenSLO's go-sdk, which its tools run, or that of the specification."""

    STRICT = "strict"
    LENIENT = "lenient"


def name(mode: Mode) -> Rule:
    """The name of an object. The specification encourages longer ones, and its own examples have capitals."""
    if mode is Mode.STRICT:
        words = "lower-case letters, digits and dashes, at most 63, with a letter or digit at both ends"
        return text(matching(_DNS_LABEL, words, "string_dns_label"))
    words = "letters, digits, dashes, dots, bars and slashes, at most 255"
    return text(matching(_ANY_NAME, words, "string_dns_label"))


def metadata(mode: Mode) -> Field:
    """``metadata`` of an object."""
    display_name = text(at_most(63)) if mode is Mode.STRICT else text()
    annotation = matching(_ANNOTATION_KEY, f"{_KEY}, after a DNS name and a slash if there is one")
    fields = {
        "name": Field(name(mode), required=True),
        "displayName": Field(display_name),
        "labels": Field(entries(matching(_LABEL_KEY, _KEY), _label)),
        "annotations": Field(entries(annotation, text())),
    }
    return Field(mapping(fields), required=True)


def description() -> Field:
    """``description`` of any ``spec``."""
    return Field(text(at_most(1050)))


def written_inside(kind: str, rule: Rule, mode: Mode) -> dict[str, Field]:
    """The fields of an object that is written where it is used, instead of being referred to."""
    return {
        "kind": Field(text(equal_to(kind)), required=True),
        "metadata": metadata(mode),
        "spec": Field(rule, required=True),
    }


def operator(value: Any, path: str) -> Iterator[Violation]:
    """How a figure is compared with a limit."""
    yield from text(one_of(*OPERATORS))(value, path)


def duration(value: Any, path: str) -> Iterator[Violation]:
    """A number and one letter; ``m`` are minutes and ``M`` months."""
    words = "a number and one of m, h, d, w, M, Q, Y, such as 30d or 1M"
    yield from text(matching(SHORTHAND, words))(value, path)


def start_time(value: Any, path: str) -> Iterator[Violation]:
    """A date and time by the clocks of some place."""
    if not isinstance(value, str):
        yield Violation(path, "type", f"must be text, not {called(value)}")
    elif parse_start(value) is None:
        message = f"must be a date and time such as 2026-01-01 00:00:00, not {called(value)}"
        yield Violation(path, "string_date_time", message)


def parse_start(value: str) -> datetime | None:
    """Read a start time (naive), or ``None`` where there is no such time."""
    try:
        return datetime.fromisoformat(value) if _START.fullmatch(value) else None
    except ValueError:
        return None


def time_zone(value: Any, path: str) -> Iterator[Violation]:
    """A name of the IANA time zone database."""
    if not isinstance(value, str):
        yield Violation(path, "type", f"must be text, not {called(value)}")
    elif not naming.is_time_zone(value):
        yield Violation(path, "string_time_zone", f"must be a time zone such as Europe/Berlin, not {called(value)}")


def _label(value: Any, path: str) -> Iterator[Violation]:
    if isinstance(value, list):
        yield from each(text())(value, path)
    elif not isinstance(value, str):
        yield Violation(path, "type", f"must be text or a list of texts, not {called(value)}")
