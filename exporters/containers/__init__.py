"""Containers: what each uses, from control groups (version 2) and /proc; what Docker knows of it, from its socket.

Both sources are optional. Control groups need no rights but to read, and no engine in particular: Docker, containerd
(Kubernetes), CRI-O and Podman all name theirs so that a container is found. Docker adds names, health, restarts and
exit codes, of containers that have ended as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import ClassVar, Self

from exporters.collector import CollectError, Deadline
from exporters.containers import cgroup, stats, told
from exporters.containers import families as f
from exporters.containers.cgroup import Group
from exporters.containers.docker import Docker, is_socket
from exporters.containers.running import Processes
from exporters.host.files import Files
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings
from exporters.sources import Sources
from telemetry.logs import get_logger
from telemetry.metric import Metric

log = get_logger()

FIND_EVERY = 10.0
"""Seconds between two walks through the tree; what Docker tells of makes one due at once."""
PATIENCE = 2.0
"""Seconds that the first scrape waits for Docker, so that no series begins under a short id and goes on by name."""
SPARE = 0.2
"""Seconds before the deadline at which the containers that are left are left out."""
_SHORT = 12


class ContainersCollector:
    """Reads one tree of control groups, and asks one Docker Engine."""

    name: ClassVar[str] = "containers"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = f.METRICS

    def __init__(self, cgroup_root: Path, procfs: Path, docker: Docker) -> None:
        self._root = cgroup_root
        self._files = Files(procfs)
        self._processes = Processes(self._files)
        self._docker = docker
        self._groups: list[Group] = []
        self._paths: dict[str, str] = {}
        """Where each container's group is, or was before it ended: its series must not change their names then."""
        self._due = 0.0
        self._changes = 0
        self._started: dict[tuple[str, int], int | None] = {}
        self._has_groups = False

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """There must be one of the two."""
        if cgroup.missing(settings.cgroup_root) is None or is_socket(settings.docker_socket):
            return None
        return "--cgroup-root (a tree of version 2) or a Docker socket"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Read where the settings say that the control groups, /proc and the socket are."""
        settings = sources.settings
        return cls(settings.cgroup_root, settings.procfs, sources.use(Docker))

    async def start(self) -> None:
        """Follow Docker; say once what there is not to be read."""
        reason = cgroup.missing(self._root)
        self._has_groups = reason is None
        if reason is not None:
            log.warning("exporters.source_missing", collector=self.name, source="cgroup", reason=reason)
        self._docker.start()

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Write what each container uses, and then what Docker knows."""
        with contextlib.suppress(TimeoutError):
            async with deadline.guard(spare=SPARE, limit=PATIENCE):
                await self._docker.tried.wait()
        if self._has_groups:
            try:
                await self._write_groups(readings, deadline)
            except OSError as error:
                if self._docker.up is None:
                    raise CollectError(_reason(error)) from error
                readings.partial.append(_reason(error))
        told.write(self._docker, self._path, readings)
        alive = self._docker.names.keys() | {group.container for group in self._groups}
        self._paths = {container: path for container, path in self._paths.items() if container in alive}

    def lost(self, readings: Readings, reason: Reason) -> None:
        """There is nothing to say about containers that cannot be read."""

    async def close(self) -> None:
        """Close the files that were kept open."""
        self._files.close()

    async def _write_groups(self, readings: Readings, deadline: Deadline) -> None:
        self._find()
        disks, now = self._processes.disks(), time.time()
        namespaces = {self._processes.namespace(1)} - {None}
        gone = set()
        for group in self._groups:
            if not deadline.remaining(spare=SPARE):
                readings.partial.append(Reason.TIMEOUT)
                break
            labels = self._labels(group)
            try:
                stats.write(group.folder, labels, disks, readings)
                readings.add(f.LAST_SEEN, now, *labels)
                self._write_processes(group, labels, namespaces, readings)
            except FileNotFoundError:
                gone.add(group)
                continue
            except (OSError, ValueError) as error:
                readings.partial.append(_reason(error))
                continue
            # Hundreds of containers must not keep the connections to other systems waiting.
            await asyncio.sleep(0)
        self._groups = [group for group in self._groups if group not in gone]

    def _find(self) -> None:
        now = time.monotonic()
        if now < self._due and self._changes == self._docker.changes:
            return
        found = cgroup.find(self._root)
        self._due, self._changes = now + FIND_EVERY, self._docker.changes
        self._started = {
            (one.path, one.inode): self._started.get((one.path, one.inode)) or self._start_of(one) for one in found
        }
        self._paths |= {one.container: one.path for one in found}
        # Those that started first come first: of several that share a network, the one that made it tells of it.
        self._groups = sorted(found, key=lambda one: (self._started[one.path, one.inode] or 0, one.path))

    def _path(self, container: str) -> str:
        """Say where a container's group is, was, or would be by what Docker's driver calls the others."""
        known = self._paths.get(container)
        if known is None:
            plain = cgroup.has_docker_folder(self._root)
            known = self._paths[container] = (
                f"/docker/{container}" if plain else f"/system.slice/docker-{container}.scope"
            )
        return known

    def _start_of(self, group: Group) -> int | None:
        _, detail = self._docker.known.get(group.container, (None, None))
        return (detail and detail.started) or self._processes.started(cgroup.processes(group.folder)[0])

    def _write_processes(self, group: Group, labels: f.Labels, namespaces: set[str | None], readings: Readings) -> None:
        if started := self._started.get((group.path, group.inode)):
            readings.add(f.STARTED, started, *labels)
        pids, is_all = cgroup.processes(group.folder)
        if is_all:
            readings.add(f.PROCESSES, len(pids), *labels)
        else:
            readings.partial.append(Reason.MALFORMED)
        _, detail = self._docker.known.get(group.container, (None, None))
        if not pids or (detail and detail.on_host_network):
            return
        namespace = self._processes.namespace(pids[0])
        if namespace is None or namespace not in namespaces:
            namespaces.add(namespace)
            self._processes.network(pids, labels, readings)

    def _labels(self, group: Group) -> f.Labels:
        name, image = self._docker.names.get(group.container, (group.container[:_SHORT], ""))
        return group.path, name, image


def _reason(error: Exception) -> Reason:
    if isinstance(error, PermissionError):
        return Reason.DENIED
    return Reason.ERROR if isinstance(error, OSError) else Reason.MALFORMED
