"""The host's families, by node_exporter's names, so that its dashboards work."""

from __future__ import annotations

from telemetry.metric import Metric, MetricType


def _metric(name: str, text: str, *labels: str, kind: MetricType | None = None) -> Metric:
    stem = name.removesuffix("_total")
    unit = next((unit for unit in ("seconds", "bytes", "ratio") if stem.endswith(f"_{unit}")), "")
    return Metric(
        name=name,
        type=kind or ("counter" if name.endswith("_total") else "gauge"),
        unit=unit,
        help=text,
        labels=labels,
    )


CPU = _metric("node_cpu_seconds_total", "Seconds each processor spent in each mode (/proc/stat).", "cpu", "mode")
CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
STAT = {
    "ctxt": _metric("node_context_switches_total", "Context switches (/proc/stat)."),
    "intr": _metric("node_intr_total", "Interrupts served (/proc/stat)."),
    "processes": _metric("node_forks_total", "Processes created (/proc/stat)."),
    "procs_running": _metric("node_procs_running", "Processes that could run now (/proc/stat)."),
    "procs_blocked": _metric("node_procs_blocked", "Processes that wait for a disk (/proc/stat)."),
    "btime": _metric("node_boot_time_seconds", "When the host started, as a Unix timestamp (/proc/stat)."),
}
LOAD = tuple(
    _metric(f"node_load{minutes}", f"Load average over {minutes} min (/proc/loadavg).") for minutes in (1, 5, 15)
)
MEMORY = {
    field: _metric(f"node_memory_{field}_bytes", f"{field} of /proc/meminfo.")
    for field in (
        "MemTotal",
        "MemFree",
        "MemAvailable",
        "Buffers",
        "Cached",
        "Dirty",
        "Slab",
        "SReclaimable",
        "SwapTotal",
        "SwapFree",
        "SwapCached",
    )
}
VMSTAT = {
    field: _metric(f"node_vmstat_{field}", f"{text} (/proc/vmstat).", kind="unknown")
    for field, text in (
        ("oom_kill", "Processes that the kernel killed because memory ran out; a counter"),
        ("pgfault", "Page faults; a counter"),
        ("pgmajfault", "Page faults that needed the disk; a counter"),
        ("pswpin", "Pages read from swap; a counter"),
        ("pswpout", "Pages written to swap; a counter"),
    )
}

_MOUNT = ("device", "fstype", "mountpoint")
FS_SIZE = _metric("node_filesystem_size_bytes", "Size of a mounted file system.", *_MOUNT)
FS_FREE = _metric("node_filesystem_free_bytes", "Free space, root's reserve included.", *_MOUNT)
FS_AVAIL = _metric("node_filesystem_avail_bytes", "Free space for everybody.", *_MOUNT)
FS_FILES = _metric("node_filesystem_files", "Inodes.", *_MOUNT)
FS_FILES_FREE = _metric("node_filesystem_files_free", "Free inodes.", *_MOUNT)
FS_READONLY = _metric("node_filesystem_readonly", "Whether it is mounted read-only.", *_MOUNT)
FS_ERROR = _metric("node_filesystem_device_error", "Whether statvfs failed, or hung for a second.", *_MOUNT)

DISK: tuple[tuple[int, float, Metric], ...] = tuple(
    (column, scale, _metric(name, f"{text} (/proc/diskstats).", "device"))
    for column, scale, name, text in (
        (3, 1, "node_disk_reads_completed_total", "Reads"),
        (5, 512, "node_disk_read_bytes_total", "Bytes read"),
        (6, 1e-3, "node_disk_read_time_seconds_total", "Time spent reading"),
        (7, 1, "node_disk_writes_completed_total", "Writes"),
        (9, 512, "node_disk_written_bytes_total", "Bytes written"),
        (10, 1e-3, "node_disk_write_time_seconds_total", "Time spent writing"),
        (11, 1, "node_disk_io_now", "Operations in progress"),
        (12, 1e-3, "node_disk_io_time_seconds_total", "Time with at least one operation in progress"),
    )
)
"""Column of /proc/diskstats, what to multiply it by, and the family."""
NETWORK: tuple[tuple[int, Metric], ...] = tuple(
    (column, _metric(name, f"{text} (/proc/net/dev).", "device"))
    for column, name, text in (
        (0, "node_network_receive_bytes_total", "Bytes received"),
        (1, "node_network_receive_packets_total", "Packets received"),
        (2, "node_network_receive_errs_total", "Receive errors"),
        (3, "node_network_receive_drop_total", "Packets dropped on their way in"),
        (8, "node_network_transmit_bytes_total", "Bytes sent"),
        (9, "node_network_transmit_packets_total", "Packets sent"),
        (10, "node_network_transmit_errs_total", "Send errors"),
        (11, "node_network_transmit_drop_total", "Packets dropped on their way out"),
    )
)
"""Column of /proc/net/dev behind the colon, and the family."""

PRESSURE = {
    (resource, share): _metric(
        f"node_pressure_{resource}_{word}_seconds_total", f"{text} (/proc/pressure/{resource}, {share})."
    )
    for resource, share, word, text in (
        ("cpu", "some", "waiting", "Time in which some process waited for a processor"),
        ("memory", "some", "waiting", "Time in which some process waited for memory"),
        ("memory", "full", "stalled", "Time in which all processes waited for memory"),
        ("io", "some", "waiting", "Time in which some process waited for a disk"),
        ("io", "full", "stalled", "Time in which all processes waited for a disk"),
    )
}
FILEFD = (
    _metric("node_filefd_allocated", "Open files of all processes (/proc/sys/fs/file-nr)."),
    _metric("node_filefd_maximum", "The most files that may be open (/proc/sys/fs/file-nr)."),
)
TIME = _metric("node_time_seconds", "The host's clock, as a Unix timestamp.")

METRICS: tuple[Metric, ...] = (
    CPU,
    *STAT.values(),
    *LOAD,
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
    *(metric for _, metric in NETWORK),
    *PRESSURE.values(),
    *FILEFD,
    TIME,
)
