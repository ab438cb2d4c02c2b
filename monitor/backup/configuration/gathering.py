"""Gathers everything. What cannot be had is said and does not hold up the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from monitor.backup.configuration import files, own, servers
from monitor.backup.configuration.artifacts import artifacts
from monitor.backup.configuration.model import Gathered, Missing, Part
from monitor.settings import Settings
from monitor.sources.mongodb import connect

ARTIFACTS = "artifacts.json"


def gather(settings: Settings, login: tuple[str, str]) -> Gathered:
    """Gather the configuration of the place that the settings describe; ``login`` is the backup user's at MongoDB."""
    found = [*files.local(settings), *own.state(settings.state), *_servers(settings, login)]
    parts = sorted((one for one in found if isinstance(one, Part)), key=lambda part: part.name)
    missing = tuple(one for one in found if isinstance(one, Missing))
    versions = tuple(artifacts(parts))
    # As a file too, for who lays everything out and has no manifest before him.
    told = json.dumps([asdict(one) for one in versions], indent=1).encode()
    return Gathered(parts=(*parts, Part(name=ARTIFACTS, content=told)), missing=missing, artifacts=versions)


def _servers(settings: Settings, login: tuple[str, str]) -> Iterator[Part | Missing]:
    with connect(settings.mongodb_uri, *login) as client:
        yield from servers.mongodb(client, settings.mongodb_uri, login, settings.key_vault)
