"""Finding processes and port holders through /proc.

Children of the stack carry ``MONITOR_STACK=<run directory>`` in their environment. A process can lose its parent and
its pid file, but not its environment: so leftovers are found after any crash, and strangers are never touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARKER = "MONITOR_STACK"
"""Environment variable with the run directory that a process belongs to."""

NAME_MARKER = "MONITOR_STACK_COMPONENT"
"""Environment variable with the component's name."""

_PROC = Path("/proc")
_LISTENING = "0A"
_ZOMBIE_STATES = frozenset("ZX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process at one moment. ``started`` (clock ticks since boot) tells it from a later one with the same pid."""

    pid: int
    started: int
    name: str


def mark(run_dir: Path) -> str:
    """Return what ``MARKER`` says of a run directory: the same however its path is written, also once it is gone."""
    return str(run_dir.resolve())


def find_marked(run_dir: Path) -> tuple[Process, ...]:
    """Return the living processes that belong to a stack's run directory, this one excepted."""
    wanted = os.fsencode(f"{MARKER}={mark(run_dir)}")
    found = []
    for pid in _pids():
        started = start_time(pid)
        environ = _environ(pid)
        if started is None or wanted not in environ or pid == os.getpid():
            continue
        name = os.fsdecode(next((item for item in environ if item.startswith(NAME_MARKER.encode() + b"=")), b"="))
        found.append(Process(pid=pid, started=started, name=name.partition("=")[2] or _command(pid)))
    return tuple(found)


def find_open(file: Path, *, deleted: bool = False) -> tuple[Process, ...]:
    """Return the living processes that have a file open, this one excepted.

    With ``deleted``: that have one open which was at this path, and was deleted there.
    """
    # What the kernel says of it; a deleted file cannot be found by what it is, only by where it was.
    wanted = f"{file.resolve()}{' (deleted)' if deleted else ''}"
    found = []
    for pid in _pids():
        started = start_time(pid)
        if started is not None and pid != os.getpid() and wanted in _open_files(pid):
            found.append(Process(pid=pid, started=started, name=_command(pid)))
    return tuple(found)


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; ``None`` when there is none, or only a zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name stands in parentheses and may hold anything: fields count from behind the last one.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in _ZOMBIE_STATES else int(fields[19])


def alive(process: Process) -> bool:
    """Tell whether this very process still runs."""
    return start_time(process.pid) == process.started


def send(process: Process, signum: signal.Signals) -> None:
    """Signal this very process; nothing happens when it is gone, even where its pid was given to another."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        # The descriptor pins the process: what is checked now is what gets the signal.
        if alive(process):
            signal.pidfd_send_signal(descriptor, signum)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def port_holder(port: int) -> str:
    """Say who listens on a TCP port: ``redis-server (pid 812)``, or that it cannot be seen from here."""
    inodes = _listening_inodes(port)
    for pid in _pids():
        if inodes & _open_files(pid):
            return f"{_command(pid)} (pid {pid})"
    return "a process of another user"


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen on an address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Like the servers themselves: connections of the past that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _pids() -> Iterator[int]:
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            yield int(entry.name)


def _environ(pid: int) -> frozenset[bytes]:
    try:
        return frozenset((_PROC / str(pid) / "environ").read_bytes().split(b"\0"))
    except OSError:
        return frozenset()


def _open_files(pid: int) -> set[str]:
    """Return what a process has open, as the kernel names it; nothing for one of another user."""
    try:
        descriptors = list((_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return set()
    targets = set()
    for descriptor in descriptors:
        # Closed meanwhile, or the process has ended.
        with contextlib.suppress(OSError):
            targets.add(str(descriptor.readlink()))
    return targets


def _command(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a process that just ended"


def _listening_inodes(port: int) -> frozenset[str]:
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return frozenset(inodes)
