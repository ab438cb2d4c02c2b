"""The containers' families: cAdvisor's names where it has the same, and what it cannot tell besides."""

from __future__ import annotations

from exporters.declare import family
from exporters.reasons import Reason
from telemetry.metric import Metric

Labels = tuple[str, str, str]
LABELS = ("id", "name", "image")
"""The control group's path, and the name and image by which Docker knows it; the short id and nothing without Docker.

What else a container is labelled with (dozens of labels on each series, in cAdvisor) stays with Docker.
"""
STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
HEALTH = ("none", "starting", "healthy", "unhealthy")
REASONS = tuple(reason.value for reason in Reason)


def _group(name: str, text: str, source: str, *labels: str) -> Metric:
    return family(name, text, *LABELS, *labels, source=f"cgroup v2 {source}", like=("cadvisor",))


CPU = {
    field: _group(f"container_cpu_{name}_total", f"{text}.", f"cpu.stat {field}")
    for field, name, text in (
        ("usage_usec", "usage_seconds", "Processor time used"),
        ("user_usec", "user_seconds", "Processor time used outside the kernel"),
        ("system_usec", "system_seconds", "Processor time used in the kernel"),
        ("nr_periods", "cfs_periods", "Periods in which the processor limit was enforced"),
        ("nr_throttled", "cfs_throttled_periods", "Periods in which the limit held the container back"),
        ("throttled_usec", "cfs_throttled_seconds", "Time for which the limit held the container back"),
    )
}
CPU_QUOTA = _group(
    "container_spec_cpu_quota", "Microseconds of processor time per period; absent without a limit.", "cpu.max"
)
CPU_PERIOD = _group("container_spec_cpu_period", "The limit's period in microseconds.", "cpu.max")

MEMORY_USAGE = _group("container_memory_usage_bytes", "Memory in use, the page cache included.", "memory.current")
MEMORY_WORKING_SET = _group(
    "container_memory_working_set_bytes",
    "Memory in use without the page cache that could be given back at once: what the limit kills for.",
    "memory.current - memory.stat inactive_file",
)
MEMORY_STAT = {
    "anon": _group("container_memory_rss", "Bytes of memory that are no file's.", "memory.stat anon"),
    "file": _group("container_memory_cache", "Bytes of page cache.", "memory.stat file"),
}
MEMORY_NUMBERS = {
    "memory.swap.current": _group("container_memory_swap", "Bytes swapped out.", "memory.swap.current"),
    "memory.peak": _group("container_memory_max_usage_bytes", "The most memory that was ever in use.", "memory.peak"),
    "memory.max": _group("container_spec_memory_limit_bytes", "The memory limit; 0 without one.", "memory.max"),
    "memory.swap.max": _group(
        "container_spec_memory_swap_limit_bytes", "The swap limit; 0 without one.", "memory.swap.max"
    ),
    "pids.current": _group("container_threads", "Threads of all processes.", "pids.current"),
    "pids.max": _group("container_threads_max", "The most threads that there may be; 0 without a limit.", "pids.max"),
}
"""Files that hold one number, or ``max`` for none."""
MEMORY_EVENTS = {
    "max": family(
        "container_memory_failcnt",
        "How often the memory limit was hit; a counter.",
        *LABELS,
        kind="unknown",
        source="cgroup v2 memory.events max",
    ),
    "oom_kill": _group(
        "container_oom_events_total",
        "Processes that the kernel killed because the memory limit was hit.",
        "memory.events oom_kill",
    ),
}
IO = {
    field: _group(f"container_fs_{name}_total", f"{text}.", f"io.stat {field}", "device")
    for field, name, text in (
        ("rbytes", "reads_bytes", "Bytes read from the device"),
        ("wbytes", "writes_bytes", "Bytes written to the device"),
        ("rios", "reads", "Reads from the device"),
        ("wios", "writes", "Writes to the device"),
    )
}
PRESSURE = {
    resource: {
        share: _group(
            f"container_pressure_{resource}_{word}_seconds_total",
            f"Time in which {who} of the container waited for {what}.",
            f"{resource}.pressure {share} total",
        )
        for share, word, who in (("some", "waiting", "some process"), ("full", "stalled", "all processes"))
    }
    for resource, what in (("cpu", "a processor"), ("memory", "memory"), ("io", "a disk"))
}
PROCESSES = _group("container_processes", "Processes.", "cgroup.procs")
STARTED = family(
    "container_start_time_seconds",
    "When the container started, as a Unix timestamp.",
    *LABELS,
    source="/proc/PID/stat of its first process, or Docker's State.StartedAt",
    like=("cadvisor",),
)
LAST_SEEN = family(
    "container_last_seen",
    "When the container was last seen running, as a Unix timestamp.",
    *LABELS,
    source="clock_gettime",
    like=("cadvisor",),
)
NETWORK: tuple[tuple[int, Metric], ...] = tuple(
    (
        column,
        family(
            f"container_network_{name}_total",
            f"{text}.",
            *LABELS,
            "interface",
            source=f"/proc/PID/net/dev column {column + 1}",
            like=("cadvisor",),
        ),
    )
    for column, name, text in (
        (0, "receive_bytes", "Bytes received"),
        (1, "receive_packets", "Packets received"),
        (2, "receive_errors", "Receive errors"),
        (3, "receive_packets_dropped", "Packets dropped on their way in"),
        (8, "transmit_bytes", "Bytes sent"),
        (9, "transmit_packets", "Packets sent"),
        (10, "transmit_errors", "Send errors"),
        (11, "transmit_packets_dropped", "Packets dropped on their way out"),
    )
)
"""Column of /proc/PID/net/dev behind the colon, and the family."""


def _docker(name: str, text: str, field: str, *labels: str, like: tuple[str, ...] = ()) -> Metric:
    return family(name, text, *LABELS, *labels, source=f"Docker GET /containers/ID/json {field}", like=like)


HEALTH_STATE = _docker(
    "container_health_state",
    "The health check's result: 1 healthy, 0 starting or unhealthy, -1 without a check. Of running containers.",
    "State.Health.Status",
    like=("cadvisor",),
)
HEALTH_STATUS = _docker(
    "container_health",
    "The health check's result: 1 for the status that holds, 0 for the others. Of running containers.",
    "State.Health.Status",
    "status",
)
FAILING_STREAK = _docker(
    "container_health_failing_streak",
    "Health checks that failed in a row. Of running containers with a check.",
    "State.Health.FailingStreak",
)
STATE = _docker(
    "container_state",
    "Of every container, exited ones too: 1 for the state that holds, 0 for the others.",
    "State.Status",
    "state",
)
RESTARTS = _docker(
    "container_restarts_total", "How often Docker has restarted it by its restart policy.", "RestartCount"
)
EXIT_CODE = _docker(
    "container_exit_code",
    "With what it last ended; only of containers that have ended and do not run.",
    "State.ExitCode",
)
OOM_KILLED = _docker(
    "container_oom_killed", "Whether it ran out of memory since it was last started.", "State.OOMKilled"
)
UP = family(
    "docker_up", "Whether the Docker Engine answers; absent where there is none.", source="GET /containers/json"
)
UP_REASON = family(
    "docker_up_reason",
    "Why the Docker Engine does not answer: 1 for the reason that holds; all 0 while it does.",
    "reason",
    source="GET /containers/json",
)

METRICS: tuple[Metric, ...] = (
    *CPU.values(),
    CPU_QUOTA,
    CPU_PERIOD,
    MEMORY_USAGE,
    MEMORY_WORKING_SET,
    *MEMORY_STAT.values(),
    *MEMORY_NUMBERS.values(),
    *MEMORY_EVENTS.values(),
    *IO.values(),
    *(metric for shares in PRESSURE.values() for metric in shares.values()),
    PROCESSES,
    STARTED,
    LAST_SEEN,
    *(metric for _, metric in NETWORK),
    HEALTH_STATE,
    HEALTH_STATUS,
    FAILING_STREAK,
    STATE,
    RESTARTS,
    EXIT_CODE,
    OOM_KILLED,
    UP,
    UP_REASON,
)
