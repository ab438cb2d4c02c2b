"""Finds containers in the tree of control groups (version 2), by the names that container engines give them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from exporters.host.files import read_once

MOST = 1_000
"""Containers on one host beyond which no more are looked at."""
MOST_INSIDE = 300
"""Groups of one container whose processes are looked at: some milliseconds. One that runs systemd has fifty."""
_DEPTH = 10
_LEAF_LINKS = 2
"""A directory without directories in it has two links: its name and its own dot."""

_NAME = re.compile(r"(?:(?:docker|cri-containerd|crio|libpod|nerdctl)-)?([0-9a-f]{64})(?:\.scope)?")
"""``docker-ID.scope`` (systemd driver) or ``ID`` (cgroupfs driver); those of conmon and of pods are not like this."""


@dataclass(frozen=True, slots=True)
class Group:
    """The control group of one container."""

    container: str
    """The container's whole id."""
    path: str
    """Where it is below the root of the tree, beginning with a slash: cAdvisor's ``id``."""
    folder: str
    inode: int
    """Another one means that the container was started again."""


def missing(root: Path) -> Literal["absent", "version_1"] | None:
    """Say why there is no tree of version 2 at ``root``, or nothing if there is."""
    with contextlib.suppress(OSError):  # not ours to see
        if (root / "cgroup.controllers").exists():
            return None
        # Version 1, also where it stands beside a version 2 that has no controllers ("hybrid").
        if (root / "memory").is_dir() or (root / "unified").is_dir():
            return "version_1"
    return "absent"


def has_docker_folder(root: Path) -> bool:
    """Tell whether Docker uses its cgroupfs driver here: it keeps this folder when the last container has ended."""
    with contextlib.suppress(OSError):
        return (root / "docker").is_dir()
    return False


def find(root: Path) -> list[Group]:
    """List the containers below ``root``, sorted by path.

    Raises:
        OSError: the root cannot be read.
    """
    with os.scandir(root):
        pass
    found = []
    for group in _walk(str(root), "", 0):
        found.append(group)
        if len(found) >= MOST:
            break
    return sorted(found, key=lambda group: group.path)


def _walk(root: str, below: str, depth: int) -> Iterator[Group]:
    try:
        with os.scandir(root + below) as entries:
            folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # it went, or is not ours to see
        return
    for entry in folders:
        path = f"{below}/{entry.name}"
        try:
            stat = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if match := _NAME.fullmatch(entry.name):
            # What a container makes below its own group is counted in it already.
            yield Group(match[1], path, entry.path, stat.st_ino)
        elif stat.st_nlink != _LEAF_LINKS and depth < _DEPTH:
            yield from _walk(root, path, depth + 1)


def processes(folder: str) -> tuple[list[int], bool]:
    """Return the ids of all processes in a group and below, and whether that is all of them.

    Those that this namespace cannot see (0) are left out. A container that may make groups of its own may make any
    number of them, as deep as it likes: only so many are looked into.
    """
    found, waiting, looked_into, is_all = [], [(folder, 0)], 0, True
    while waiting:
        group, depth = waiting.pop()
        found += _pids(group)
        looked_into += 1
        below = _below(group, MOST_INSIDE + 1 - looked_into - len(waiting))
        room = MOST_INSIDE - looked_into - len(waiting) if depth < _DEPTH else 0
        is_all = is_all and len(below) <= room
        waiting += [(inner, depth + 1) for inner in below[:room]]
    return found, is_all


def _below(folder: str, most: int) -> list[str]:
    """Return the groups in a group, so many of them at most."""
    with contextlib.suppress(OSError):  # it just ended
        if Path(folder).stat().st_nlink != _LEAF_LINKS:
            with os.scandir(folder) as entries:
                return list(islice((one.path for one in entries if one.is_dir(follow_symlinks=False)), most))
    return []


def _pids(folder: str) -> list[int]:
    try:
        return [pid for line in read_once(f"{folder}/cgroup.procs").split() if (pid := int(line))]
    except (OSError, ValueError):  # a group of threads refuses; its processes stand in its parent
        return []
