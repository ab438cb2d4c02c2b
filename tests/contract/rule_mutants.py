"""Rules with one thing changed, and whether the tests that are generated beside them notice.

promtool runs a file of tests to its end, so each test is given to it by itself, the one first that noticed last: of one
rule's mutants most are noticed by the same.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TESTS = {"": ("", "-days"), "-long": ("-days", "-rollups", "-window"), "-alerts": ("-alerts", "", "-days", "-window")}
"""Which tests are about the rules of a file, the quickest to notice first."""

_OTHER_SPAN = {"5m": "30m", "30m": "5m", "1h": "6h", "2h": "1d", "6h": "1h", "1d": "3d", "3d": "1d", "30d": "3d"}
_COMPARISONS = {">": "<", ">=": "<", "<=": ">=", "<": ">=", "==": "!="}


_ARITHMETIC = {"-": "+", "+": "-", "*": "+", "/": "*"}


def _span(found: re.Match[str]) -> str:
    span = found[1] or found[2]
    return found[0].replace(span, _OTHER_SPAN.get(span, span))


def all_killed(chosen: Sequence[Mutant], rules: Path, slo: str, directory: Path) -> tuple[int, list[Mutant]]:
    """How many of these are mutants at all, and which survive; two at a time, for tests are one process each."""
    tests = {kind: list(_tests(rules, slo, kind)) for kind in TESTS}

    def run(numbered: tuple[int, Mutant]) -> bool | None:
        number, mutant = numbered
        return is_killed(mutant, rules, slo, tests[mutant.kind], directory / str(number))

    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(run, enumerate(chosen)))
    survivors = [mutant for mutant, killed in zip(chosen, verdicts, strict=True) if killed is False]
    for mutant in survivors:
        print(f"survived: slo-{slo}{mutant.kind}.yml: {mutant.what}")  # noqa: T201  # shown where the test fails, or by -s
    return sum(killed is not None for killed in verdicts), survivors


def _tests(rules: Path, slo: str, kind: str) -> Iterator[str]:
    """Each test about the rules of a file, as a file of its own."""
    for about in TESTS[kind]:
        document = yaml.load((rules / "tests" / f"slo-{slo}{about}.yml").read_text(), yaml.CSafeLoader)
        for test in document["tests"]:
            yield json.dumps(document | {"tests": [test]})


def _number(found: re.Match[str]) -> str:
    return str(float(found[0]) * 1.1 if float(found[0]) else 1)


CHANGES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r'\[([0-9a-z]+)\]|window="([0-9a-z]+)"', _span),
    (r"\[[0-9a-z]*s999ms\]", lambda _: "[10m]"),
    (r"offset 15s", lambda _: "offset 30s"),
    (r"(?<=[ (])(?:>=|<=|==|>|<)(?= )", lambda found: _COMPARISONS[found[0]]),
    (r"(?<= )[-*/+](?= )", lambda found: _ARITHMETIC[found[0]]),
    (r"(?<=[ (])[0-9]+(?:\.[0-9]+)?(?=$|[\s),])", _number),
    (r'(?<=[{,])(?:slo|code|probe|proxy)=~?"([^"]*)"', lambda found: found[0].replace(found[1], "another")),
    (r"\b(?:sum|max|avg|count)_over_time\b", lambda _: "min_over_time"),
    (r"\blast_over_time\b", lambda _: "count_over_time"),
    (r"\bclamp_(?:min|max)\((.*), [01]\)", lambda found: f"({found[1]})"),
    (r"^\s*(?:and|or|unless|\*) .*(?:\n|$)", lambda _: "\n"),
    (r"\b(?:and|or|unless)\b", lambda found: "or" if found[0] == "and" else "and"),
)
"""What may stand in an expression, and what takes its place: window, comparison, factor, label, function, clause."""


@dataclass(frozen=True)
class Mutant:
    """One file of an SLO's rules in which one rule is another one."""

    kind: str
    """Of which file: ``""``, ``-long`` or ``-alerts``."""
    what: str
    document: Any


def mutants(rules: Path, slo: str) -> Iterator[Mutant]:
    """Every mutant of an SLO's rules, always in the same order."""
    for kind in TESTS:
        document = yaml.safe_load((rules / "prometheus" / f"slo-{slo}{kind}.yml").read_text())
        for group_at, group in enumerate(document["groups"]):
            for rule_at, rule in enumerate(group["rules"]):
                name = rule.get("record") or rule["alert"]
                for what, changed in _changed(rule):
                    mutant = copy.deepcopy(document)
                    mutant["groups"][group_at]["rules"][rule_at] = changed
                    window = rule["labels"].get("window", "")
                    yield Mutant(kind, f"{name}{{{window}}}: {what}", mutant)


def is_killed(mutant: Mutant, rules: Path, slo: str, tests: list[str], directory: Path) -> bool | None:
    """Whether a test fails; nothing where Prometheus would not load the mutant at all.

    ``directory`` is this mutant's own. The test that noticed is put first.
    """
    for folder in ("prometheus", "tests"):
        (directory / folder).mkdir(parents=True)
    for kind in TESTS:
        shutil.copy(rules / "prometheus" / f"slo-{slo}{kind}.yml", directory / "prometheus")
    file = directory / "prometheus" / f"slo-{slo}{mutant.kind}.yml"
    file.write_text(json.dumps(mutant.document))
    if _promtool("check", "rules", file):
        return None
    test = directory / "tests" / "test.yml"
    for text in tests.copy():
        test.write_text(text)
        if _promtool("test", "rules", test):
            tests[:] = [text, *(one for one in tests if one is not text)]
            return True
    return False


def _promtool(*arguments: str | Path) -> bool:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not installed: make install"
    done = subprocess.run([promtool, *arguments], capture_output=True, timeout=120, check=False)
    return done.returncode != 0


def _changed(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for what, expr in _expressions(rule["expr"]):
        yield what, rule | {"expr": expr}
    for label, value in rule["labels"].items():
        if label != "team":  # an owner is data: every value of it is right for some team
            yield f"label {label}", rule | {"labels": rule["labels"] | {label: f"not-{value}"}}
    for held in ("for", "keep_firing_for"):
        if held in rule:
            yield f"no {held}", {key: value for key, value in rule.items() if key != held}


def _expressions(expr: str) -> Iterator[tuple[str, str]]:
    """One place of an expression changed at a time."""
    for pattern, change in CHANGES:
        for found in re.finditer(pattern, expr, flags=re.MULTILINE):
            if (new := change(found)) != found[0]:
                line = expr.count("\n", 0, found.start()) + 1
                what = f"line {line}: {found[0].strip()!r} -> {new.strip()!r}"
                yield what, expr[: found.start()] + new + expr[found.end() :]
