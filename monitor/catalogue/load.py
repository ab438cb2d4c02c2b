"""Loading the catalogue: every file is read, every fault of every file is collected, and then either all of it or none.

Layout of a catalogue directory; only ``slos/`` is needed::

    slos/*.yaml             OpenSLO v1
    alerts/*.yaml           Prometheus rule groups;  alerts/*.test.yaml  promtool tests of them
    inhibitions.yaml        which alerts mute which others
    recovery.yaml  drills.yaml  contacts.yaml
    waivers.yaml            findings of ``monitor check`` that may stay
    environments/NAME.yaml  what differs between places
    metrics/*.json          what each producer declares

What a directory does not have, the bundled catalogue lends where nothing can be derived without it: the environment,
and the declared metrics of the service's own programs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from monitor.catalogue import alert_tests, alerting, contacting, inhibiting, naming, openslo, plain, waiving
from monitor.catalogue.model import (
    AlertTest,
    Catalogue,
    Contacts,
    DeclaredMetric,
    DrillPlan,
    Environment,
    Inhibition,
    Recovery,
    Waiver,
)
from monitor.catalogue.strict_yaml import Document, read, read_text
from monitor.errors import CatalogueError, Fault

BUNDLED = Path(__file__).parent
"""The default catalogue, shipped as package data beside this module."""

_FOLDERS = frozenset({"slos", "alerts", "environments", "metrics"})
_FILES = frozenset({"inhibitions.yaml", "recovery.yaml", "drills.yaml", "contacts.yaml", "waivers.yaml"})


def load(root: Path | None, environment: str, *, environment_overrides: Mapping[str, Any] | None = None) -> Catalogue:
    """Load a catalogue for one environment; ``root`` is its directory, or ``None`` for the bundled one.

    ``environment_overrides`` are fields of the environment, in YAML's own types, that a running stack knows better
    (addresses, targets).

    Raises:
        CatalogueError: something is wrong; its ``faults`` hold everything, each once.
    """
    loader = _Loader(root or BUNDLED)
    catalogue = loader.load(environment, environment_overrides or {})
    if loader.faults or catalogue is None:
        raise CatalogueError(loader.told_once())
    return catalogue


class _Loader:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: list[Fault] = []
        self._ambiguous: set[tuple[str, int, str]] = set()

    def told_once(self) -> tuple[Fault, ...]:
        """Every fault, but none about a value of which the YAML reader has said already that it cannot be read."""
        return tuple(
            fault
            for fault in self.faults
            if fault.code == "ambiguous" or (fault.file, fault.line, fault.path) not in self._ambiguous
        )

    def load(self, environment: str, overrides: Mapping[str, Any]) -> Catalogue | None:
        """Read everything; ``faults`` says what went wrong."""
        if not (self.root / "slos").is_dir():
            message = "has no directory slos/: `monitor init DIR` writes a catalogue to start from"
            self.faults.append(Fault(file=str(self.root), code="no-catalogue", message=message))
            return None
        slos, faults = openslo.read(tuple(self._documents("slos")))
        self.faults += faults
        told = len(self.faults)
        groups, faults = alerting.read(tuple(self._documents("alerts")))
        self.faults += faults
        all_alerts_read = len(self.faults) == told
        if self.root != BUNDLED:
            self.faults += self._strangers()
        # Everything is read before anything is given up: what is wrong is told in one run.
        where = self._environment(environment, overrides)
        tests, recovery, contacts = self._alert_tests(), self._recovery(), self._contacts()
        alerts = {rule.name for group in groups for rule in group.rules} if all_alerts_read else None
        inhibitions = self._inhibitions(alerts)
        drills, metrics, waivers = self._drills(alerts), self._metrics(), self._waivers()
        if where is None:
            return None
        return Catalogue(
            root=self.root,
            environment=where,
            slos=slos,
            alerts=groups,
            alert_tests=tests,
            inhibitions=inhibitions,
            recovery=recovery,
            drills=drills,
            contacts=contacts,
            metrics=metrics,
            waivers=waivers,
        )

    def _documents(self, folder: str) -> Iterator[Document]:
        texts = openslo.TEXTS if folder == "slos" else frozenset()
        for path in sorted((self.root / folder).glob("*.yaml")):
            if not path.name.endswith(alert_tests.SUFFIX):
                yield from self._read(path, texts)

    def _read(self, path: Path, texts: frozenset[str] = frozenset()) -> tuple[Document, ...]:
        documents, faults = read(path, self._name(path), texts)
        self.faults += faults
        self._ambiguous |= {(fault.file, fault.line, fault.path) for fault in faults if fault.code == "ambiguous"}
        return documents

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name

    def _single(self, name: str, texts: frozenset[str] = frozenset()) -> Document | None:
        path = self.root / name
        if not os.path.lexists(path):
            return None
        documents = self._read(path, texts)
        if len(documents) > 1:
            self.faults.append(documents[1].fault("several-documents", "holds a second document: one is expected"))
        return documents[0] if documents else None

    def _alert_tests(self) -> dict[str, tuple[AlertTest, ...]]:
        tests: dict[str, tuple[AlertTest, ...]] = {}
        for path in sorted((self.root / "alerts").glob(f"*{alert_tests.SUFFIX}")):
            if document := self._single(f"alerts/{path.name}"):
                tests[path.name], faults = alert_tests.read(document)
                self.faults += faults
        return tests

    def _inhibitions(self, alerts: set[str] | None) -> tuple[Inhibition, ...]:
        document = self._single("inhibitions.yaml")
        if document is None:
            return ()
        found, faults = inhibiting.read(document, alerts)
        self.faults += faults
        return found

    def _recovery(self) -> Recovery | None:
        document = self._single("recovery.yaml")
        if document is None:
            return None
        found, faults = plain.recovery(document)
        self.faults += faults
        return found

    def _drills(self, alerts: set[str] | None) -> tuple[DrillPlan, ...]:
        document = self._single("drills.yaml")
        if document is None:
            return ()
        found, faults = plain.drills(document, alerts)
        self.faults += faults
        return found

    def _contacts(self) -> Contacts:
        document = self._single("contacts.yaml")
        if document is None:
            return Contacts()
        found, faults = contacting.read(document)
        self.faults += faults
        return found

    def _waivers(self) -> tuple[Waiver, ...]:
        document = self._single("waivers.yaml", waiving.TEXTS)
        if document is None:
            return ()
        known = {path.stem for root in (self.root, BUNDLED) for path in (root / "environments").glob("*.yaml")}
        found, faults = waiving.read(document, known)
        self.faults += faults
        return found

    def _environment(self, name: str, overrides: Mapping[str, Any]) -> Environment | None:
        if not naming.fits_a_file_name(name):
            message = f"an environment's name {naming.FILE_NAME_RULE}: choose one by --env"
            self.faults.append(Fault(file="environments", code="no-environment", message=message))
            return None
        own, lent = (root / "environments" / f"{name}.yaml" for root in (self.root, BUNDLED))
        path = own if own.exists() or not lent.exists() else lent
        if not path.exists():
            known = ", ".join(sorted({found.stem for found in (self.root / "environments").glob("*.yaml")})) or "none"
            message = f"environment {name} does not exist (known: {known}): choose one by --env, or write this file"
            self.faults.append(Fault(file=f"environments/{name}.yaml", code="no-environment", message=message))
            return None
        documents = self._read(path)
        if not documents:
            return None
        found, faults = plain.environment(documents[0], overrides)
        self.faults += faults
        if found is not None and found.name != name:
            message = f"must be {name}, as the file is called: alerts and messages would speak of another environment"
            self.faults.append(documents[0].fault("wrong-name", message, "name"))
        return found

    def _metrics(self) -> tuple[DeclaredMetric, ...]:
        folders = [self.root] if self.root == BUNDLED else [BUNDLED, self.root]
        files = {path.name: path for root in folders for path in sorted((root / "metrics").glob("*.json"))}
        declared: list[DeclaredMetric] = []
        for path in files.values():
            text = read_text(path, self._name(path))
            if isinstance(text, Fault):
                self.faults.append(text)
                continue
            found, faults = plain.metrics(text, self._name(path))
            declared += found
            self.faults += faults
        return tuple(sorted(declared, key=lambda metric: (metric.name, metric.producer)))

    def _strangers(self) -> Iterator[Fault]:
        """Say what lies where it would be taken for a part of the catalogue, and is not read."""
        for path in sorted(self.root.iterdir()):
            if path.is_dir():
                meant = get_close_matches(path.name.lower(), _FOLDERS, n=1)
                if path.name not in _FOLDERS and meant:
                    message = f"is no folder of a catalogue, so nothing in it is read: call it {meant[0]}"
                    yield Fault(file=self._name(path), code="unknown-file", message=message)
            elif path.suffix in {".yaml", ".yml"} and path.name not in _FILES:
                message = "is not part of a catalogue: SLOs go to slos/, alerts to alerts/"
                yield Fault(file=self._name(path), code="unknown-file", message=message)
        for folder in sorted(_FOLDERS - {"metrics"}):
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix == ".yml":
                    yield Fault(file=self._name(path), code="unknown-file", message="ends in .yml: call it .yaml")
                elif path.suffix == ".yaml" and path.parent != self.root / folder:
                    message = f"is not read, for it stands in a folder of its own: move it to {folder}/"
                    yield Fault(file=self._name(path), code="unknown-file", message=message)
