"""What the catalogue promises, rendered for one stack's own addresses: rules, routes, dashboards, scrape targets."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from monitor import render
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue
from monitor.catalogue.receivers import CONSOLE
from monitor.stack.credentials import write_private
from monitor.stack.layout import Layout

TARGETS = {
    "app": {"app-1": "app-1-metrics", "app-2": "app-2-metrics"},
    "edge": {"edge": "edge-metrics"},
    "exporters": {"exporters": "exporters"},
    "web": {"web": "web"},
    "work": {"work": "work"},
    "prometheus": {"prometheus": "prometheus"},
    "alertmanager": {"alertmanager": "alertmanager"},
}
"""Scrape jobs: the name of each instance, and its listener in ``layout.PORTS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """Which catalogue a stack is run for."""

    environment: str = "local"
    catalogue: Path | None = None


def load_for(layout: Layout, promises: Promises) -> Catalogue:
    """Load the catalogue with the addresses that hold in this stack.

    Raises:
        CatalogueError: something is wrong with it; nothing is started then.
    """
    console = layout.url("web")
    overrides = {
        "console_url": console,
        "prometheus_url": layout.url("prometheus"),
        "runbook_url": f"{console}/runbooks",
        "webhook_url": console,
        "targets": {
            job: [f"{name}={layout.address(listener)}" for name, listener in instances.items()]
            for job, instances in TARGETS.items()
        },
    }
    return _without_login(load(promises.catalogue, promises.environment, environment_overrides=overrides))


def _without_login(catalogue: Catalogue) -> Catalogue:
    """Let Alertmanager know the console without user: this stack's has none, whatever the one of patients asks for."""
    own = tuple(replace(one, settings={}) if one.name == CONSOLE else one for one in catalogue.contacts.receivers)
    return replace(catalogue, contacts=replace(catalogue.contacts, receivers=own))


def write(layout: Layout, catalogue: Catalogue) -> None:
    """Write everything that is derived from the catalogue below ``generated/``, and nothing that once was."""
    for folder in ("rules", "dashboards", "runbooks"):
        shutil.rmtree(layout.generated / folder, ignore_errors=True)
    files = render.outputs(catalogue)
    # Relative to this file's own directory.
    rules = ["rules/prometheus/*.yml"]
    files["prometheus.yml"] = render.scrape_config(catalogue.environment, rules)
    for name, text in files.items():
        file = layout.generated / name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(file, text)
