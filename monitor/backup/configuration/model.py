"""What a backup of configuration is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor import clock

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file to keep, by the name that it has in the backup; ``secret``: it holds what opens something."""

    name: str
    content: bytes
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something that was to be kept and could not be had."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What these files run with, by version: a wheel with its digests, an image, or this program."""

    kind: str
    name: str
    version: str
    sha256: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All that was found, and what was not."""

    parts: tuple[Part, ...]
    missing: tuple[Missing, ...]
    artifacts: tuple[Artifact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One kept file."""

    name: str
    bytes: int
    sha256: str
    secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The manifest: written last."""

    id: str
    started_at: datetime
    finished_at: datetime
    files: tuple[File, ...]
    missing: tuple[Missing, ...]
    left_out: tuple[str, ...]
    """Files with secrets, where the store is not sealed."""
    artifacts: tuple[Artifact, ...]
    schema_version: int = SCHEMA_VERSION

    def body(self) -> dict[str, Any]:
        """As the store and ``--json`` have it."""
        return {
            "id": self.id,
            "type": "configuration",
            "started_at": clock.to_rfc3339(self.started_at),
            "finished_at": clock.to_rfc3339(self.finished_at),
            "files": len(self.files),
            "bytes": sum(file.bytes for file in self.files),
            "missing": [f"{one.name}: {one.reason}" for one in self.missing],
            "left_out": list(self.left_out),
            "artifacts": len(self.artifacts),
        }
