"""``alerts/*.test.yaml``: promtool's tests of the alerts written by hand, but for what rendering adds to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import promql_parser as ql

from monitor.catalogue import naming, promql
from monitor.catalogue.model import AlertTest, InputSeries, QueryCase
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import keep, parts
from monitor.errors import Fault

SUFFIX = ".test.yaml"

_PLAIN = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_NUMBER = rf"[-+]?(?:{_PLAIN}|(?i:inf|nan))"
_VALUE = re.compile(rf"_(?:x[0-9]+)?|stale|{_NUMBER}(?:(?:[-+]{_PLAIN})?x[0-9]+)?")
"""As promtool reads a series' values: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    tests: list[object]


def read(document: Document) -> tuple[tuple[AlertTest, ...], list[Fault]]:
    """Turn one file into tests, with everything that is wrong with it."""
    file, faults = parts(document, _File, keep)
    stem = document.file.rpartition("/")[2].removesuffix(SUFFIX)
    if not naming.fits_a_file_name(stem):
        faults.append(document.fault("wrong-name", f"the name before {SUFFIX} {naming.FILE_NAME_RULE}"))
    tests = []
    for index, data in enumerate(file.get("tests", ())):
        here = f"tests[{index}]"
        test, wrong = parts(document, AlertTest, keep, path=here, data=data)
        faults += [*wrong, *_queries(test, document, here)]
        if {field.name for field in fields(AlertTest)} <= test.keys():
            tests.append(AlertTest(**test))
    return tuple(tests), faults


def _queries(test: dict[str, Any], document: Document, here: str) -> Iterator[Fault]:
    """Say which expressions and series cannot be read."""
    cases: tuple[QueryCase, ...] = test.get("promql_expr_test", ())
    for number, case in enumerate(cases):
        try:
            promql.parse(case.expr)
        except ValueError as error:
            yield document.fault("promql", str(error), f"{here}.promql_expr_test[{number}].expr")
    given: tuple[InputSeries, ...] = test.get("input_series", ())
    for number, entry in enumerate(given):
        try:
            named = isinstance(found := promql.parse(entry.series), ql.VectorSelector) and found.name
        except ValueError:
            named = False
        if not named:
            message = 'must be a series such as up{job="app"}'
            yield document.fault("promql", message, f"{here}.input_series[{number}].series")
        if odd := [item for item in _items(entry.values) if not _VALUE.fullmatch(item)]:
            message = f"{odd[0]} is no value such as 1, 0+10x60, _x5 or stale"
            yield document.fault("wrong-value", message, f"{here}.input_series[{number}].values")


def _items(values: str) -> list[str]:
    """The values of a series; native histograms, which have blanks, are promtool's to read."""
    return [] if "{{" in values else values.split()
