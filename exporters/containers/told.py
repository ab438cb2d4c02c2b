"""Writes what Docker knows of all containers, exited ones too."""

from __future__ import annotations

from collections.abc import Callable

from exporters.containers import families as f
from exporters.containers.docker import Docker
from exporters.containers.facts import Detail
from exporters.readings import Readings


def write(docker: Docker, paths: Callable[[str], str], readings: Readings) -> None:
    """Write whether Docker answers, and what it says; nothing where there is none."""
    if docker.up is None:
        return
    readings.add(f.UP, int(docker.up))
    readings.states(f.UP_REASON, docker.reason.value if docker.reason else None, f.REASONS)
    if docker.reason is not None:
        readings.partial.append(docker.reason)
    for container, (summary, detail) in docker.known.items():
        _detail((paths(container), summary.name, summary.image), detail, readings)


def _detail(labels: f.Labels, detail: Detail, readings: Readings) -> None:
    readings.states(f.STATE, detail.state, f.STATES, *labels)
    readings.add(f.RESTARTS, detail.restarts, *labels)
    readings.add(f.OOM_KILLED, int(detail.oom_killed), *labels)
    if detail.ended:
        readings.add(f.EXIT_CODE, detail.exit_code, *labels)
    if detail.state == "running":
        readings.states(f.HEALTH_STATUS, detail.health, f.HEALTH, *labels)
        readings.add(f.HEALTH_STATE, -1 if detail.health == "none" else int(detail.health == "healthy"), *labels)
        if detail.health != "none":
            readings.add(f.FAILING_STREAK, detail.failing_streak, *labels)
