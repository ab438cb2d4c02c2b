"""Space on mounted file systems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporters.collector import Deadline
from exporters.host import families as f
from exporters.host.crew import Crew
from exporters.host.files import Files
from exporters.readings import Readings

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


def _parse(text: str) -> Iterator[Mount]:
    for line in text.splitlines():
        device, mountpoint, fstype, options, *_ = (*line.split(" "), "", "", "", "")
        mountpoint = _unescape(mountpoint)
        hidden = _PSEUDO.fullmatch(fstype) or _SYSTEM.fullmatch(mountpoint)
        if mountpoint and (mountpoint == "/" or not hidden):
            yield Mount(_unescape(device), mountpoint, fstype, "ro" in options.split(","))


class Filesystems:
    """Lists what is mounted and asks for its size; one that hangs does not hold up the others."""

    def __init__(self, rootfs: Path) -> None:
        self.crew = Crew()
        self._root = "" if rootfs == Path("/") else str(rootfs)
        self._text = ""
        self._mounts: tuple[Mount, ...] = ()

    def mounts(self, files: Files) -> tuple[Mount, ...]:
        """List what is worth watching: real file systems, each mount point once, and the root whatever it is.

        Inside a container the root is an overlay, and is the one that fills up.

        Raises:
            OSError: neither init's nor our own list can be read.
        """
        try:
            text = files.read("1/mounts")
        except OSError:
            text = files.read("self/mounts")
        if text != self._text:
            # What is mounted later hides what was at the same place before.
            self._mounts = tuple({mount.mountpoint: mount for mount in _parse(text)}.values())
            self._text = text
        return self._mounts

    async def write(self, found: tuple[Mount, ...], readings: Readings, deadline: Deadline) -> None:
        """Write the families of each mount."""
        sizes = await self.crew.ask([self._root + mount.mountpoint for mount in found], deadline)
        for mount in found:
            size = sizes[self._root + mount.mountpoint]
            labels = (mount.device, mount.fstype, mount.mountpoint)
            readings.add(f.FS_ERROR, int(size is None), *labels)
            readings.add(f.FS_READONLY, int(mount.readonly), *labels)
            if size is not None:
                readings.add(f.FS_SIZE, size.f_blocks * size.f_frsize, *labels)
                readings.add(f.FS_FREE, size.f_bfree * size.f_frsize, *labels)
                readings.add(f.FS_AVAIL, size.f_bavail * size.f_frsize, *labels)
                readings.add(f.FS_FILES, size.f_files, *labels)
                readings.add(f.FS_FILES_FREE, size.f_ffree, *labels)


def _unescape(text: str) -> str:
    """Undo the octal escapes by which the kernel writes spaces and the like."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
