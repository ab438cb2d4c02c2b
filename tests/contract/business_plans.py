"""What MongoDB says it does for a business query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

_ANY_TIME: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How one query was answered."""

    hint: str
    stages: tuple[str, ...]
    keys: int
    documents: int
    matched: int


def explained(data: Any, command: Mapping[str, Any]) -> Plan:
    """Let the server run a command once more, and say how."""
    raw = CodecOptions(document_class=RawBSONDocument)
    answer = data.command({"explain": dict(command), "verbosity": "executionStats"}, codec_options=raw)
    told = bson.decode(answer.raw, codec_options=_ANY_TIME)
    if "stages" in told:
        told = told["stages"][0]["$cursor"]
    stages = tuple(_stages(told["queryPlanner"]["winningPlan"]))
    stats = told["executionStats"]
    return Plan(
        hint=str(command["hint"]),
        stages=stages,
        keys=stats["totalKeysExamined"],
        documents=stats["totalDocsExamined"],
        matched=max(_matched(stats["executionStages"])),
    )


def _stages(found: object) -> Iterator[str]:
    if isinstance(found, dict):
        if "stage" in found:
            yield found["stage"]
        for value in found.values():
            yield from _stages(value)
    if isinstance(found, list):
        for value in found:
            yield from _stages(value)


def _matched(found: object) -> Iterator[int]:
    """What came out of the scan of the index, before anything was grouped."""
    if isinstance(found, dict):
        yield int(found.get("nReturned", 0))
        yield int(found.get("nCounted", 0))
        for value in found.values():
            yield from _matched(value)
