"""Documents into objects, and what objects refer to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.catalogue.openslo.rules import kinds
from monitor.catalogue.openslo.rules.fields import Mode
from monitor.catalogue.openslo.rules.violation import Violation, short
from monitor.catalogue.strict_yaml import Document

Name = tuple[str, str]
"""By what an object is referred to: its kind and its name."""


@dataclass(frozen=True, slots=True)
class Reference:
    """That an object of this kind and name must exist, said at this path."""

    path: str
    target: Name


def objects(document: Document) -> Iterator[Document]:
    """One document for each object: a file may hold a list of them."""
    if not isinstance(document.data, list):
        yield document
        return
    lines: list[dict[str, int]] = [{} for _ in document.data]
    for path, line in document.lines.items():
        index, bracket, rest = path[1:].partition("]")
        if bracket:
            lines[int(index)][rest.removeprefix(".")] = line
    for item, own in zip(document.data, lines, strict=True):
        yield Document(file=document.file, data=item, lines=own)


def name_of(data: Any) -> Name | None:
    """Kind and name of an object, where they can be read."""
    if not isinstance(data, dict) or not isinstance(data.get("metadata"), dict):
        return None
    kind, name = data.get("kind"), data["metadata"].get("name")
    return (kind, name) if kind in kinds.KINDS and isinstance(name, str) else None


def violations(data: Any, mode: Mode, known: Collection[Name] | None = None) -> tuple[Violation, ...]:
    """Everything that is wrong with one object; ``known`` are the objects that it may refer to, if that is asked."""
    found = list(dict.fromkeys(kinds.violations(data, mode)))
    if known is not None and isinstance(data, dict):
        broken = {violation.path for violation in found}
        for reference in _references(data):
            if reference.target not in known and reference.path not in broken:
                kind, name = reference.target
                found.append(Violation(reference.path, "reference", f"{kind} {short(name)!r} does not exist"))
    return tuple(found)


def _references(data: Mapping[str, Any]) -> Iterator[Reference]:
    spec = data.get("spec")
    if not isinstance(spec, dict):
        return
    if data.get("kind") == "AlertPolicy":
        yield from _of_policy(spec, "spec")
    if data.get("kind") == "SLO":
        yield from _reference(spec, "spec", "indicatorRef", "SLI")
        for path, objective in _items(spec, "spec", "objectives"):
            yield from _reference(objective, path, "indicatorRef", "SLI")
        for path, policy in _items(spec, "spec", "alertPolicies"):
            yield from _reference(policy, path, "alertPolicyRef", "AlertPolicy")
            if isinstance(policy.get("spec"), dict):
                yield from _of_policy(policy["spec"], f"{path}.spec")


def _of_policy(spec: Mapping[str, Any], path: str) -> Iterator[Reference]:
    for place, condition in _items(spec, path, "conditions"):
        yield from _reference(condition, place, "conditionRef", "AlertCondition")
    for place, target in _items(spec, path, "notificationTargets"):
        yield from _reference(target, place, "targetRef", "AlertNotificationTarget")


def _reference(data: Mapping[str, Any], path: str, field: str, kind: str) -> Iterator[Reference]:
    if isinstance(data.get(field), str):
        yield Reference(f"{path}.{field}", (kind, data[field]))


def _items(data: Mapping[str, Any], path: str, field: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    items = data.get(field)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield f"{path}.{field}[{index}]", item
