"""The host's own families, by node_exporter's names, types and labels, so that its dashboards and alerts work.

Those of the network stand in ``network_families.py``.
"""

from __future__ import annotations

from functools import partial

from exporters.declare import family
from telemetry.metric import Metric

node = partial(family, like=("node_exporter",))
"""Declares a family that node_exporter has as well."""

_stat = partial(node, source="/proc/stat")
CPU = _stat("node_cpu_seconds_total", "Seconds that each processor spent in each mode.", "cpu", "mode")
CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
CPU_GUEST = _stat(
    "node_cpu_guest_seconds_total",
    "Seconds that each processor ran virtual machines; part of user and nice.",
    "cpu",
    "mode",
)
CPU_GUEST_MODES = ("user", "nice")
STAT = {
    "ctxt": _stat("node_context_switches_total", "Context switches."),
    "intr": _stat("node_intr_total", "Interrupts served."),
    "processes": _stat("node_forks_total", "Processes created."),
    "procs_running": _stat("node_procs_running", "Threads that could run now."),
    "procs_blocked": _stat("node_procs_blocked", "Threads that wait for a disk."),
    "btime": _stat("node_boot_time_seconds", "When the host started, as a Unix timestamp."),
}

_load = partial(node, source="/proc/loadavg")
LOAD = tuple(_load(f"node_load{minutes}", f"Load average over {minutes} min.") for minutes in (1, 5, 15))
THREADS = _load("node_processes_threads", "Threads of all processes.")
LIMITS = {
    "sys/kernel/threads-max": node(
        "node_processes_max_threads", "The most threads that there may be.", source="/proc/sys/kernel/threads-max"
    ),
    "sys/kernel/pid_max": node(
        "node_processes_max_processes", "The highest process id there may be.", source="/proc/sys/kernel/pid_max"
    ),
}

MEMORY_BYTES = (
    *("MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapTotal", "SwapFree", "SwapCached"),
    *("Active", "Inactive", "Active(anon)", "Inactive(anon)", "Active(file)", "Inactive(file)", "Unevictable"),
    *("Dirty", "Writeback", "AnonPages", "AnonHugePages", "Mapped", "Shmem", "KernelStack", "PageTables", "Percpu"),
    *("Slab", "SReclaimable", "SUnreclaim", "CommitLimit", "Committed_AS", "VmallocUsed", "HardwareCorrupted"),
    "Hugepagesize",
)
MEMORY_PAGES = ("HugePages_Total", "HugePages_Free", "HugePages_Rsvd")


def _memory(field: str, suffix: str) -> Metric:
    name = field.replace("(", "_").replace(")", "")
    return node(f"node_memory_{name}{suffix}", f"{field} of /proc/meminfo.", source=f"/proc/meminfo {field}")


MEMORY = {field: _memory(field, "_bytes") for field in MEMORY_BYTES} | {
    field: _memory(field, "") for field in MEMORY_PAGES
}
VMSTAT = {
    field: node(f"node_vmstat_{field}", f"{text}; a counter.", kind="unknown", source=f"/proc/vmstat {field}")
    for field, text in (
        ("oom_kill", "Processes that the kernel killed because memory ran out"),
        ("pgfault", "Page faults"),
        ("pgmajfault", "Page faults that needed the disk"),
        ("pgpgin", "KiB read from disks"),
        ("pgpgout", "KiB written to disks"),
        ("pswpin", "Pages read from swap"),
        ("pswpout", "Pages written to swap"),
    )
}

_mount = partial(node, source="statvfs of each line of /proc/1/mounts")
_MOUNT = ("device", "fstype", "mountpoint")
FS_SIZE = _mount("node_filesystem_size_bytes", "Size of a mounted file system.", *_MOUNT)
FS_FREE = _mount("node_filesystem_free_bytes", "Free space, root's reserve included.", *_MOUNT)
FS_AVAIL = _mount("node_filesystem_avail_bytes", "Free space for everybody.", *_MOUNT)
FS_FILES = _mount("node_filesystem_files", "Inodes.", *_MOUNT)
FS_FILES_FREE = _mount("node_filesystem_files_free", "Free inodes.", *_MOUNT)
FS_READONLY = _mount("node_filesystem_readonly", "Whether it is mounted read-only.", *_MOUNT)
FS_ERROR = _mount("node_filesystem_device_error", "Whether statvfs failed, or hung for a second.", *_MOUNT)

DISK: tuple[tuple[int, float, Metric], ...] = tuple(
    (column, scale, node(name, f"{text}.", "device", source=f"/proc/diskstats field {column - 2}"))
    for column, scale, name, text in (
        (3, 1, "node_disk_reads_completed_total", "Reads"),
        (4, 1, "node_disk_reads_merged_total", "Reads that were merged with a neighbour"),
        (5, 512, "node_disk_read_bytes_total", "Bytes read"),
        (6, 1e-3, "node_disk_read_time_seconds_total", "Time that reads took, summed"),
        (7, 1, "node_disk_writes_completed_total", "Writes"),
        (8, 1, "node_disk_writes_merged_total", "Writes that were merged with a neighbour"),
        (9, 512, "node_disk_written_bytes_total", "Bytes written"),
        (10, 1e-3, "node_disk_write_time_seconds_total", "Time that writes took, summed"),
        (11, 1, "node_disk_io_now", "Operations in progress"),
        (12, 1e-3, "node_disk_io_time_seconds_total", "Time with at least one operation in progress"),
        (
            13,
            1e-3,
            "node_disk_io_time_weighted_seconds_total",
            "Time times operations in progress: its rate is the queue",
        ),
        (14, 1, "node_disk_discards_completed_total", "Discards"),
        (16, 1, "node_disk_discarded_sectors_total", "Sectors discarded"),
        (17, 1e-3, "node_disk_discard_time_seconds_total", "Time that discards took, summed"),
        (18, 1, "node_disk_flush_requests_total", "Flushes of the device's cache"),
        (19, 1e-3, "node_disk_flush_requests_time_seconds_total", "Time that flushes took, summed"),
    )
)
"""Column of /proc/diskstats, what to multiply it by, and the family; older kernels have fewer columns."""

PRESSURE = {
    (resource, share): node(
        f"node_pressure_{resource}_{word}_seconds_total",
        f"{text}.",
        source=f"/proc/pressure/{resource} {share} total",
    )
    for resource, share, word, text in (
        ("cpu", "some", "waiting", "Time in which some process waited for a processor"),
        ("memory", "some", "waiting", "Time in which some process waited for memory"),
        ("memory", "full", "stalled", "Time in which all processes waited for memory"),
        ("io", "some", "waiting", "Time in which some process waited for a disk"),
        ("io", "full", "stalled", "Time in which all processes waited for a disk"),
        ("irq", "full", "stalled", "Time in which interrupts kept all processes waiting"),
    )
}
FILEFD = (
    node("node_filefd_allocated", "Open files of all processes.", source="/proc/sys/fs/file-nr"),
    node("node_filefd_maximum", "The most files that may be open.", source="/proc/sys/fs/file-nr"),
)
ENTROPY = node(
    "node_entropy_available_bits",
    "Entropy on hand for random numbers.",
    source="/proc/sys/kernel/random/entropy_avail",
)
TIME = node("node_time_seconds", "The host's clock, as a Unix timestamp.", source="clock_gettime")
_clock = partial(node, source="adjtimex")
TIMEX_OFFSET = _clock("node_timex_offset_seconds", "How far the clock is off what it is steered by.")
TIMEX_SYNC = _clock("node_timex_sync_status", "Whether something reliable steers the clock.")
TIMEX_MAXERROR = _clock(
    "node_timex_maxerror_seconds", "The most that the clock may be off; grows while nobody steers it."
)
TIMEX_ESTERROR = _clock("node_timex_estimated_error_seconds", "How much the clock is off, as estimated.")
TIMEX_FREQUENCY = _clock("node_timex_frequency_adjustment_ratio", "By what the clock's speed is corrected.")
UNAME_FILES = {
    "sysname": "sys/kernel/ostype",
    "release": "sys/kernel/osrelease",
    "version": "sys/kernel/version",
    "nodename": "sys/kernel/hostname",
    "domainname": "sys/kernel/domainname",
}
UNAME = node(
    "node_uname_info",
    "Always 1; the labels say which kernel runs, and the host's name.",
    *("sysname", "release", "version", "machine", "nodename", "domainname"),
    source="/proc/sys/kernel/*, uname",
)

METRICS: tuple[Metric, ...] = (
    CPU,
    CPU_GUEST,
    *STAT.values(),
    *LOAD,
    THREADS,
    *LIMITS.values(),
    *MEMORY.values(),
    *VMSTAT.values(),
    FS_SIZE,
    FS_FREE,
    FS_AVAIL,
    FS_FILES,
    FS_FILES_FREE,
    FS_READONLY,
    FS_ERROR,
    *(metric for _, _, metric in DISK),
    *PRESSURE.values(),
    *FILEFD,
    ENTROPY,
    TIME,
    TIMEX_OFFSET,
    TIMEX_SYNC,
    TIMEX_MAXERROR,
    TIMEX_ESTERROR,
    TIMEX_FREQUENCY,
    UNAME,
)
