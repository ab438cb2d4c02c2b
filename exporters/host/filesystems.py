"""Space on mounted file systems.

``statvfs`` can hang for ever (a lost network mount), so each call has a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporters.collector import Deadline
from exporters.host import families as f
from exporters.readings import Readings

LIMIT = 1.0
"""Seconds that one mount may take."""
_SPARE = 0.1

_PSEUDO = re.compile(
    r"autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs"
    r"|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs"
)
_SYSTEM = re.compile(r"/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/.*)")
"""node_exporter's defaults."""
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/mounts."""

    device: str
    mountpoint: str
    fstype: str
    readonly: bool


def mounts(procfs: Path) -> list[Mount]:
    """List what is worth watching: real file systems, each mount point once, and the root whatever it is.

    Inside a container the root is an overlay, and is the one that fills up.

    Raises:
        OSError: neither init's nor our own list can be read.
    """
    try:
        text = (procfs / "1" / "mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = (procfs / "self" / "mounts").read_text(encoding="utf-8", errors="replace")
    return list({mount.mountpoint: mount for mount in _parse(text)}.values())


def _parse(text: str) -> Iterator[Mount]:
    for line in text.splitlines():
        device, mountpoint, fstype, options, *_ = (*line.split(" "), "", "", "", "")
        mountpoint = _unescape(mountpoint)
        hidden = _PSEUDO.fullmatch(fstype) or _SYSTEM.fullmatch(mountpoint)
        if mountpoint and (mountpoint == "/" or not hidden):
            yield Mount(_unescape(device), mountpoint, fstype, "ro" in options.split(","))


class Filesystems:
    """Asks all mounts at once; one that hangs is left alone until its call comes back, and costs one thread."""

    def __init__(self, rootfs: Path) -> None:
        self._rootfs = rootfs
        self._stuck: dict[str, threading.Thread] = {}

    async def write(self, found: list[Mount], readings: Readings, deadline: Deadline) -> None:
        """Write the families of each mount."""
        self._stuck = {name: thread for name, thread in self._stuck.items() if thread.is_alive()}
        sizes = await asyncio.gather(*(self._statvfs(mount.mountpoint, deadline) for mount in found))
        for mount, size in zip(found, sizes, strict=True):
            labels = (mount.device, mount.fstype, mount.mountpoint)
            readings.add(f.FS_ERROR, int(size is None), *labels)
            readings.add(f.FS_READONLY, int(mount.readonly), *labels)
            if size is not None:
                readings.add(f.FS_SIZE, size.f_blocks * size.f_frsize, *labels)
                readings.add(f.FS_FREE, size.f_bfree * size.f_frsize, *labels)
                readings.add(f.FS_AVAIL, size.f_bavail * size.f_frsize, *labels)
                readings.add(f.FS_FILES, size.f_files, *labels)
                readings.add(f.FS_FILES_FREE, size.f_ffree, *labels)

    async def _statvfs(self, mountpoint: str, deadline: Deadline) -> os.statvfs_result | None:
        if mountpoint in self._stuck:
            return None
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[os.statvfs_result | None] = loop.create_future()
        path = str(self._rootfs) + mountpoint if self._rootfs != Path("/") else mountpoint
        # Not an executor's thread: those are joined at exit, and this one might never end.
        thread = threading.Thread(target=_ask, args=(path, loop, answer), daemon=True)
        thread.start()
        try:
            async with deadline.guard(spare=_SPARE, limit=LIMIT):
                return await answer
        except TimeoutError:
            self._stuck[mountpoint] = thread
            return None


def _ask(path: str, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[os.statvfs_result | None]) -> None:
    size: os.statvfs_result | None
    try:
        size = os.statvfs(path)
    except OSError:
        size = None
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_settle, answer, size)


def _settle(answer: asyncio.Future[os.statvfs_result | None], size: os.statvfs_result | None) -> None:
    if not answer.done():
        answer.set_result(size)


def _unescape(text: str) -> str:
    """Undo the octal escapes by which the kernel writes spaces and the like."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
