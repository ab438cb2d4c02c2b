"""Metrics that somebody declared to expose. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredMetric:
    """A metric that some producer says it exposes."""

    name: str
    type: Literal["counter", "gauge", "histogram", "summary", "unknown"]
    help: str
    producer: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    source: str = ""
    """Where the number is read: a command and its field, a file."""
    cost: Literal["fast", "slow"] = "fast"
    compatible_with: tuple[str, ...] = ()
    """Tools that have the very same family."""
