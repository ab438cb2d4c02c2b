"""Everything in ``slos/`` into our SLOs, with everything that is wrong with it. Pure.

What breaks a rule of OpenSLO's specification is a fault, and so is what Prometheus rules cannot say (composite SLOs,
ratios made by somebody else): with a way out, never silently dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monitor.catalogue.model import Slo
from monitor.catalogue.openslo.conversion import Known, Read, slos
from monitor.catalogue.openslo.objects import Name, name_of, objects, violations
from monitor.catalogue.openslo.refusal import Refused
from monitor.catalogue.openslo.rules.fields import Mode
from monitor.catalogue.strict_yaml import Document
from monitor.errors import Fault


def read(documents: tuple[Document, ...]) -> tuple[tuple[Slo, ...], tuple[Fault, ...]]:
    """Turn the documents of ``slos/`` into SLOs, sorted by name, with everything that is wrong with them."""
    known, faults = _known([one for document in documents for one in objects(document)])
    found: list[Read] = []
    for (kind, _), one in sorted(known.items(), key=lambda item: item[0]):
        if kind == "SLO":
            try:
                found += slos(one, known)
            except Refused as refusal:
                faults += refusal.faults
    faults += _taken(found)
    return tuple(sorted((one.slo for one in found), key=lambda slo: slo.name)), tuple(faults)


def _known(documents: list[Document]) -> tuple[dict[Name, Known], list[Fault]]:
    names = {name for document in documents if (name := name_of(document.data)) is not None}
    known: dict[Name, Known] = {}
    faults: list[Fault] = []
    for document in documents:
        found = violations(document.data, Mode.LENIENT, names)
        faults += [document.fault(one.code.replace("_", "-"), one.message, one.path) for one in found]
        if (name := name_of(document.data)) is None:
            continue
        if name in known:
            other = known[name].document
            message = f"{name[0]} {name[1]} is already given in {other.file}:{other.line('')}"
            faults.append(document.fault("duplicate", message, "metadata.name"))
        else:
            # A field too many hides nothing of what the others say.
            broken = tuple(one.path for one in found if one.code != "unknown_field")
            known[name] = Known(document, broken)
    return known, faults


def _taken(found: Iterable[Read]) -> Iterator[Fault]:
    """Names that are given twice, or that the alerts of another SLO need.

    The alerts of SLO ``x`` go to ``slo-x-alerts.yml``, where the rules of an SLO ``x-alerts`` would go as well; and so
    with its other files.
    """
    first: dict[str, Read] = {}
    for one in found:
        other = first.setdefault(one.slo.name, one)
        if other is not one:
            message = f"makes a second SLO {one.slo.name}, after {other.slo.place.file}:{other.slo.place.line}"
            yield one.document.fault("duplicate", f"{message}: choose another name", one.path)
    for name, one in first.items():
        for suffix in ("alerts", "long", "days", "rollups", "window", "sloth"):
            other_name = name.removesuffix(f"-{suffix}")
            if other_name != name and other_name in first:
                message = f"is what a file of SLO {other_name} is called: choose another name"
                yield one.document.fault("duplicate", message, one.path)
