"""Containers by the USE method. Pure."""

from __future__ import annotations

from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import RATE, within_an_hour
from monitor.render.dashboards_style import NONE_WANTED, PRESSURE, SHARE_USED, THROTTLED, YES, warned

HOST = 'instance=~"$instance"'
FIRST_CONTAINER = "first_container"
NO_CONTAINER = "no container is read here: give the exporters --cgroup-root or a Docker socket"


def containers() -> tuple[Panel, ...]:
    """Every panel is by container; where none runs, all of them say so."""

    def panel(title: str, text: str, expr: str, **more: object) -> Panel:
        given = {"unit": "none", "empty_until": FIRST_CONTAINER, "nothing": NO_CONTAINER} | more
        name = "{{instance}}" if "by (instance)" in expr else "{{instance}} {{name}}"
        return Panel(title=title, text=text, queries=(Query(expr, name),), **given)  # type: ignore[arg-type]

    return (
        panel(
            "How much processor time does each container use?",
            "Cores in use by container. Good is below its limit; a container at its limit is throttled, which is felt "
            "as latency rather than as an error.",
            f"sum by (instance, name) (rate(container_cpu_usage_seconds_total{{{HOST}}}[{RATE}]))",
            unit="short",
        ),
        panel(
            "Which container is throttled?",
            "Share of periods in which a container was stopped because its limit of processor time was reached. Good "
            "is below 25 %; above it raise the limit, or spread the work.",
            f"sum by (instance, name) (rate(container_cpu_cfs_throttled_periods_total{{{HOST}}}[{RATE}]))"
            f" / (sum by (instance, name) (rate(container_cpu_cfs_periods_total{{{HOST}}}[{RATE}])) > 0)",
            unit="percentunit",
            steps=THROTTLED,
            empty_until="first_limited_container",
        ),
        panel(
            "How near is each container to its memory limit?",
            "Working set of the limit, which the kernel kills for. Good is below 80 %; a slope that does not end is a "
            "leak: restart it in a quiet hour, and compare with the last deploy.",
            f"max by (instance, name) (container_memory_working_set_bytes{{{HOST}}}"
            f" / (container_spec_memory_limit_bytes{{{HOST}}} > 0))",
            unit="percentunit",
            steps=SHARE_USED,
            empty_until="first_limited_container",
        ),
        panel(
            "How much memory does each container use?",
            "Memory in use without the page cache that could be given back. Good is level after the first hour; what "
            "grows for days will meet its limit.",
            f"max by (instance, name) (container_memory_working_set_bytes{{{HOST}}})",
            unit="bytes",
        ),
        panel(
            "Does a container wait for a processor?",
            "Share of time in which some process of the container waited for a processor. Good is below 10 %; more, "
            "with a machine that is not busy, is its own limit.",
            f"max by (instance, name) (rate(container_pressure_cpu_waiting_seconds_total{{{HOST}}}[{RATE}]))",
            unit="percentunit",
            steps=PRESSURE,
            empty_until="pressure_stall_information",
        ),
        panel(
            "Was a container killed for memory?",
            "Processes of each container that the kernel killed within the last hour because its limit was hit. Good "
            "is none; raise the limit, or find what grows.",
            within_an_hour(f"container_oom_events_total{{{HOST}}}", "instance, name"),
            steps=NONE_WANTED,
        ),
        panel(
            "Which container restarts?",
            "Restarts by Docker within the last hour. Good is none; a container that restarts again and again is not "
            "repaired by it: read its log of before.",
            within_an_hour(f"container_restarts_total{{{HOST}}}", "instance, name"),
            steps=warned(1),
            empty_until="first_docker_container",
        ),
        panel(
            "How many threads does a container run?",
            "Threads of all its processes. Good is level; a rise that does not end is a leak of threads, which meets "
            "the container's limit and then fails to start any.",
            f"max by (instance, name) (container_threads{{{HOST}}})",
            unit="short",
        ),
        panel(
            "Is a container unhealthy?",
            "Whether a running container's own health check fails (1). Good is 0 for all; Docker does not restart "
            "what is merely unhealthy, so read its log and restart it by hand.",
            f'max by (instance, name) (container_health{{{HOST},status="unhealthy"}})',
            steps=NONE_WANTED,
            maximum=1,
            empty_until="first_docker_container",
        ),
        panel(
            "Does Docker answer?",
            "Whether Docker answers the exporters (1). Good is 1; at 0 containers run on, but restarts, health and "
            "limits are not known, and deploys fail.",
            f"min by (instance) (docker_up{{{HOST}}})",
            steps=YES,
            maximum=1,
            empty_until="first_docker_container",
        ),
    )
