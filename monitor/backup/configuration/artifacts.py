"""What the kept files run with, by version: wheels from the lock file, images from compose and Dockerfile. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from monitor.backup.configuration.model import Artifact, Part

_WHEEL = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_IMAGE = re.compile(
    r"^\s*(?:image:|FROM)\s+[\"']?([^\s\"'@]+?)(?::([^\s\"'@/]+))?(?:@sha256:([0-9a-f]{64}))?[\"']?(?:\s|$)",
    re.MULTILINE,
)
_OWN = "appointment-sre"


def artifacts(parts: Iterable[Part]) -> Iterator[Artifact]:
    """Read them out of lock files, compose files and Dockerfiles among the parts."""
    yield Artifact(kind="program", name=_OWN, version=version(_OWN))
    seen = set[tuple[str, str]]()
    for part in parts:
        file = part.name.rpartition("/")[2]
        if file == "requirements.lock":
            yield from _wheels(part.content.decode(errors="replace"))
        elif file.startswith(("docker-compose", "compose.")) or file == "Dockerfile":
            for name, tag, digest in _IMAGE.findall(part.content.decode(errors="replace")):
                if (name, tag) not in seen:
                    seen.add((name, tag))
                    yield Artifact(kind="image", name=name, version=tag, sha256=(digest,) if digest else ())


def _wheels(text: str) -> Iterator[Artifact]:
    for name, number, rest in _WHEEL.findall(text):
        yield Artifact(kind="wheel", name=name, version=number, sha256=tuple(sorted(_HASH.findall(rest))))
