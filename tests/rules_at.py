"""The rules and tests of alerts and SLOs as they are rendered for those who scrape and evaluate at another interval."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from monitor.catalogue import durations
from monitor.catalogue.load import load
from monitor.render import outputs

_REPEATED = re.compile(r"(?P<first>_|-?[\d.]+(?:e\d+)?)(?P<step>[+-][\d.]+)?x(?P<times>\d+)")
"""promtool's short form of a series: a value, what is added each time, and how often it comes again."""


def alert_tests_at(seconds: int, directory: Path) -> tuple[Path, ...]:
    """Write the rules and tests of all alerts written by hand; the tests' files, by name."""
    tests = _written(seconds, directory, "alerts-")
    for path in tests:
        path.write_text(_scraped_each(seconds, path.read_text(encoding="utf-8")), encoding="utf-8")
    return tests


def slo_tests_at(seconds: int, directory: Path) -> tuple[Path, ...]:
    """Write the rules and tests of all SLOs, whose series follow the intervals already; the tests' files, by name."""
    return _written(seconds, directory, "slo-")


def _written(seconds: int, directory: Path, prefix: str) -> tuple[Path, ...]:
    interval = f"{seconds}s"
    environment = {"scrape_interval": interval, "evaluation_interval": interval}
    written = []
    for path, text in outputs(load(None, "compose", environment_overrides=environment)).items():
        if path.startswith((f"rules/prometheus/{prefix}", f"rules/tests/{prefix}")):
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text, encoding="utf-8")
            written.append(directory / path)
    return tuple(sorted(path for path in written if path.parent.name == "tests"))


def _scraped_each(seconds: int, text: str) -> str:
    """Leave out the samples of a file of tests that come between two scrapes."""
    file = yaml.safe_load(text)
    for test in file["tests"]:
        apart = round(durations.parse(test["interval"]).total_seconds())
        if apart < seconds and seconds % apart == 0:
            test["interval"] = f"{seconds}s"
            _thin(test, seconds // apart)
    return yaml.safe_dump(file, width=1_000_000)


def _thin(test: dict[str, Any], each: int) -> None:
    for given in test.get("input_series", ()):
        given["values"] = " ".join(list(_samples(given["values"]))[::each])


def _samples(values: str) -> Iterator[str]:
    for part in values.split():
        found = _REPEATED.fullmatch(part)
        if found is None:
            yield part
        elif found["first"] == "_":
            yield from ["_"] * int(found["times"])
        else:
            first, step = float(found["first"]), float(found["step"] or 0)
            yield from (repr(first + step * number) for number in range(int(found["times"]) + 1))
