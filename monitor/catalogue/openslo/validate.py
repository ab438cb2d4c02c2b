"""Files into violations: what ``monitor slo validate`` answers. Needs no catalogue."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from monitor.catalogue import strict_json, strict_yaml
from monitor.catalogue.openslo.objects import Name, name_of, objects, violations
from monitor.catalogue.openslo.rules.fields import Mode
from monitor.catalogue.openslo.rules.violation import Violation
from monitor.catalogue.strict_yaml import Document
from monitor.errors import Fault

SUFFIXES = (".yaml", ".yml", ".json")
"""Of the files that are looked at in a directory."""

TEXTS = frozenset({"startTime"})
"""Fields that need no quotes: OpenSLO's own examples write ``startTime: 2022-01-01 12:00:00``."""


@dataclass(frozen=True, slots=True)
class Validated:
    """One file, and everything that is wrong with it."""

    file: str
    violations: tuple[Violation, ...]

    def to_json(self) -> dict[str, Any]:
        """The answer for programs."""
        found = [asdict(violation) for violation in self.violations]
        return {"file": self.file, "valid": not found, "violations": found}


def validate(paths: Sequence[Path], mode: Mode) -> tuple[Validated, ...]:
    """Hold each file against OpenSLO v1, in the order given; what one refers to may stand in any other."""
    files = [file for path in paths for file in _files(path)]
    read = [(str(path), *_read(path, problem)) for path, problem in files]
    every = [[one for document in documents for one in objects(document)] for _, documents, _ in read]
    known = {name for documents in every for one in documents if (name := name_of(one.data)) is not None}
    return tuple(
        Validated(file, (*map(_violation, faults), *_of_objects(documents, mode, known)))
        for (file, _, faults), documents in zip(read, every, strict=True)
    )


def _of_objects(documents: list[Document], mode: Mode, known: set[Name]) -> Iterator[Violation]:
    for index, document in enumerate(documents):
        name = name_of(document.data)
        where = f"{name[0]} {name[1]}" if name is not None else f"object {index + 1}"
        for found in violations(document.data, mode, known):
            alone = len(documents) == 1
            yield found if alone else Violation(found.path, found.code, f"{found.message} (in {where})")


def _files(path: Path) -> Iterator[tuple[Path, Fault | None]]:
    """The path itself, or the files below it, sorted; a directory in which there is nothing to see is told of."""
    if not _is_directory(path):
        yield path, None
        return
    unreadable: list[OSError] = []
    found = [
        Path(folder) / name
        for folder, _, names in os.walk(path, onerror=unreadable.append)
        for name in names
        if name.endswith(SUFFIXES)
    ]
    for error in unreadable:
        fault = Fault(file=str(path), code="unreadable", message=f"cannot be read: {error.strerror}")
        yield Path(error.filename), fault
    if not found and not unreadable:
        message = f"is a directory without files that end in {', '.join(SUFFIXES)}"
        yield path, Fault(file=str(path), code="empty", message=message)
    for file in sorted(found):
        yield file, None


def _is_directory(path: Path) -> bool:
    """Whether it is one; of what may not be looked at, reading it says why."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _read(path: Path, problem: Fault | None) -> tuple[tuple[Document, ...], tuple[Fault, ...]]:
    if problem is not None:
        return (), (problem,)
    text = strict_yaml.read_text(path, str(path))
    if isinstance(text, Fault):
        return (), (text,)
    if path.suffix == ".json":
        documents, faults = strict_json.parse(text, str(path))
    else:
        documents, faults = strict_yaml.parse(text, str(path), TEXTS)
    if not faults and not any(document.data not in (None, []) for document in documents):
        return (), (Fault(file=str(path), code="empty", message="is empty: remove it, or fill it in"),)
    return documents, faults


def _violation(fault: Fault) -> Violation:
    line = f" (line {fault.line})" if fault.line else ""
    return Violation(fault.path, fault.code.replace("-", "_"), f"{fault.message}{line}")
