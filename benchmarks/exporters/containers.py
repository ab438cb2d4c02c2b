"""Writes the control groups of containers as cgroup v2 shows them, for machines where no container runs."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

_PRESSURE = "some avg10=0.00 avg60=0.00 avg300=0.00 total={0}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total={0}\n"
_MEMORY_STAT = """\
anon {0}
file 8192000
kernel 1200000
kernel_stack 16384
pagetables 90112
sock 0
shmem 0
file_mapped 4096000
file_dirty 0
file_writeback 0
inactive_anon 0
active_anon {0}
inactive_file 4096000
active_file 4096000
unevictable 0
slab_reclaimable 300000
slab_unreclaimable 200000
pgfault {0}
pgmajfault 12
"""
_CPU_STAT = """\
usage_usec {0}
user_usec {0}
system_usec 1000
nr_periods 100
nr_throttled 3
throttled_usec 4000
nr_bursts 0
burst_usec 0
"""
_FILES = {
    "cgroup.controllers": "cpu io memory pids\n",
    "cgroup.procs": "",
    "cpu.max": "200000 100000\n",
    "cpu.pressure": _PRESSURE,
    "cpu.stat": _CPU_STAT,
    "cpu.weight": "100\n",
    "io.pressure": _PRESSURE,
    "io.stat": "8:0 rbytes={0} wbytes=4096 rios=10 wios=1 dbytes=0 dios=0\n",
    "memory.current": "{0}\n",
    "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
    "memory.max": "268435456\n",
    "memory.peak": "{0}\n",
    "memory.pressure": _PRESSURE,
    "memory.stat": _MEMORY_STAT,
    "memory.swap.current": "0\n",
    "memory.swap.max": "max\n",
    "pids.current": "7\n",
    "pids.max": "max\n",
}


def grow(root: Path, count: int) -> None:
    """Have ``count`` containers of Docker below ``root``, under systemd; those that are there stay."""
    (root / "system.slice").mkdir(parents=True, exist_ok=True)
    (root / "cgroup.controllers").write_text("cpu io memory pids\n", encoding="utf-8")
    for number in range(count):
        group = root / "system.slice" / f"docker-{sha256(str(number).encode()).hexdigest()}.scope"
        if group.exists():
            continue
        group.mkdir()
        for name, text in _FILES.items():
            (group / name).write_text(text.format(10_000_000 + number), encoding="utf-8")
