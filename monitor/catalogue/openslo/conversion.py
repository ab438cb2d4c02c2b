"""One object of kind SLO into our SLOs, one for each of its objectives. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from monitor.catalogue.model import Budgeting, Place, RatioSli, Slo
from monitor.catalogue.openslo import labels
from monitor.catalogue.openslo.indicator import Gauge, indicator, judged
from monitor.catalogue.openslo.objects import Name
from monitor.catalogue.openslo.refusal import Refused, refuse, together
from monitor.catalogue.openslo.rules.slo import is_composite
from monitor.catalogue.openslo.rules.violation import given
from monitor.catalogue.openslo.window import window
from monitor.catalogue.strict_yaml import Document


@dataclass(frozen=True, slots=True)
class Known:
    """One object of the catalogue, and the fields where it breaks a rule."""

    document: Document
    broken: tuple[str, ...]

    def sound(self, path: str) -> bool:
        """Whether nothing is wrong at a field or in it."""
        inside = (f"{path}.", f"{path}[")
        return not any(broken == path or broken.startswith(inside) for broken in self.broken)


@dataclass(frozen=True, slots=True)
class Read:
    """One of our SLOs, and the field from which it has its name."""

    slo: Slo
    document: Document
    path: str


def slos(one: Known, known: Mapping[Name, Known]) -> list[Read]:
    """The SLOs that one object of kind SLO stands for, one for each objective.

    Raises:
        Refused: something is wrong with it; with no faults where all that is wrong was told by OpenSLO's rules.
    """
    document, spec = one.document, one.document.data.get("spec")
    if not isinstance(spec, dict) or not spec:
        raise Refused
    if is_composite(spec):
        message = "is a composite SLO, which is validated but not computed: write one SLO for each of the indicators"
        raise refuse(document, "spec.objectives", message)
    written = spec["objectives"] if isinstance(spec.get("objectives"), list) else []
    objectives = [labels.Objective(f"spec.objectives[{index}]", index + 1, data) for index, data in enumerate(written)]
    whole, found, *_ = together(
        lambda: _shared(one),
        lambda: _indicator(one, known),
        *(_part(one, objective.path, bool) for objective in objectives),
    )
    alone = len(objectives) == 1
    return together(*(partial(_of, document, whole, found, objective, alone=alone) for objective in objectives))


def _part(one: Known, path: str, build: Callable[[], Any]) -> Callable[[], Any]:
    """Build what stands at a path, or refuse without a word where OpenSLO's rules have told what is wrong with it."""

    def run() -> Any:
        if not one.sound(path):
            raise Refused
        return build()

    return run


def _shared(one: Known) -> Slo:
    """What all objectives of an SLO share; target and indicator are put in for each of them."""
    document, spec, metadata = one.document, one.document.data["spec"], one.document.data["metadata"]
    name, _, team, expected, span, budgeting, *_ = together(
        _part(one, "metadata.name", lambda: labels.name(document)),
        _part(one, "spec.service", lambda: labels.service(document)),
        _part(one, "metadata.labels", lambda: labels.team(document)),
        _part(one, "metadata.annotations", lambda: labels.expected_requests(document)),
        _part(one, "spec.timeWindow", lambda: window(document)),
        _part(one, "spec.budgetingMethod", lambda: Budgeting(spec["budgetingMethod"])),
        _part(one, "metadata.displayName", bool),
        _part(one, "spec.description", bool),
    )
    annotations = metadata.get("annotations") or {}
    return Slo(
        name=name,
        service=spec["service"],
        display_name=metadata.get("displayName") or name,
        description=" ".join((spec.get("description") or "").split()),
        budgeting=budgeting,
        window=span,
        target=Decimal(0),
        sli=RatioSli(total=""),
        team=team,
        events=annotations.get("events", "requests" if budgeting is Budgeting.OCCURRENCES else "minutes"),
        impact=annotations.get("impact", ""),
        expected_requests_per_hour=expected,
        place=Place(file=document.file, line=document.line("metadata.name")),
    )


def _of(document: Document, whole: Slo, found: RatioSli | Gauge, objective: labels.Objective, *, alone: bool) -> Read:
    """The SLO of one objective of an SLO."""
    data = objective.data
    by_ratio = data.get("target") is not None
    target = Decimal(str(data["target"])) if by_ratio else Decimal(str(data["targetPercent"])) / 100
    sli, name = together(
        lambda: judged(document, objective.path, data, found, whole),
        lambda: whole.name if alone else labels.name_of_objective(document, whole.name, objective),
    )
    slo = replace(whole, target=target, sli=sli, name=name)
    if alone:
        return Read(slo, document, "metadata.name")
    path = f"{objective.path}.displayName"
    title = f"{whole.display_name} ({data.get('displayName') or objective.number})"
    place = replace(whole.place, line=document.line(path))
    return Read(replace(slo, display_name=title, place=place), document, path)


def _indicator(one: Known, known: Mapping[Name, Known]) -> RatioSli | Gauge:
    spec = one.document.data["spec"]
    if not one.sound("spec.indicator") or not one.sound("spec.indicatorRef"):
        raise Refused
    if len(found := given(spec, "indicator", "indicatorRef")) != 1:
        raise Refused
    if found == ["indicator"]:
        return indicator(one.document, "spec.indicator.spec", spec["indicator"]["spec"], known)
    other = known["SLI", spec["indicatorRef"]]
    if not other.sound("spec"):
        raise Refused
    return indicator(other.document, "spec", other.document.data["spec"], known)
