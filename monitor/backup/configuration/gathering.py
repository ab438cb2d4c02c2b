"""Gathers everything. What cannot be had is said and does not hold up the rest."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.backup.configuration import files, own, servers
from monitor.backup.configuration.artifacts import artifacts
from monitor.backup.configuration.model import Gathered, Missing, Part
from monitor.settings import Settings
from monitor.sources.mongodb import connect


def gather(settings: Settings, login: tuple[str, str]) -> Gathered:
    """Gather the configuration of the place that the settings describe; ``login`` is the backup user's at MongoDB."""
    found = [*files.local(settings), *own.state(settings.state), *_servers(settings, login)]
    parts = tuple(sorted((one for one in found if isinstance(one, Part)), key=lambda part: part.name))
    missing = tuple(one for one in found if isinstance(one, Missing))
    return Gathered(parts=parts, missing=missing, artifacts=tuple(artifacts(parts)))


def _servers(settings: Settings, login: tuple[str, str]) -> Iterator[Part | Missing]:
    with connect(settings.mongodb_uri, *login) as client:
        yield from servers.mongodb(client, settings.mongodb_uri, login, settings.key_vault)
