"""Lays out a stack's run directory: folders, secrets, settings, and every generated configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.errors import InputError
from monitor.stack import credentials, server_files
from monitor.stack.components import Servers, haproxy_template
from monitor.stack.layout import COMPONENTS, HOST, Layout
from monitor.stack.procfs import is_free, port_holder
from monitor.stack.replica_set import MEMBERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """Which catalogue a stack is run for."""

    environment: str = "local"
    catalogue: Path | None = None


def lay_out(layout: Layout, servers: Servers, promises: Promises, names: frozenset[str]) -> None:
    """Write everything that the components in ``names`` read.

    Raises:
        InputError: the catalogue is broken, or a template is missing.
    """
    for directory in (layout.run_dir, layout.logs, layout.generated, layout.ledger, layout.backups, layout.data):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
    for name in COMPONENTS:
        if name not in {"app-1", "app-2", "edge", "exporters", "web", "work", "traffic"}:
            (layout.data / name).mkdir(mode=0o700, exist_ok=True)
    credentials.make(layout)
    for name in MEMBERS:
        _write(layout.generated / f"{name}.conf", server_files.mongod_conf(layout, name))
    _write(layout.generated / "redis.conf", server_files.redis_conf(layout))
    if "edge" in names:
        _write(layout.generated / "haproxy.cfg", _haproxy_cfg())
    catalogue = str(promises.catalogue.absolute()) if promises.catalogue is not None else None
    settings = server_files.monitor_toml(
        layout, mongod=servers.mongod, environment=promises.environment, catalogue=catalogue
    )
    _write(layout.run_dir / "monitor.toml", settings)
    _generate(layout)


def check_ports(layout: Layout, listeners: tuple[str, ...]) -> None:
    """Refuse to start where somebody else listens.

    Raises:
        InputError: ports are taken; each is named with its holder.
    """
    busy = [listener for listener in listeners if not is_free(HOST, layout.port(listener))]
    if busy:
        taken = "; ".join(f"{layout.port(name)} ({name}) is held by {port_holder(layout.port(name))}" for name in busy)
        raise InputError(
            f"cannot start: port {taken}. Stop it, or move the whole stack with --port-offset "
            f"{layout.port_offset + 1000}"
        )


def _haproxy_cfg() -> str:
    template = haproxy_template()
    try:
        return template.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot read the edge's configuration {template}: {error.strerror}; run from a checkout of this project"
        ) from error


def _generate(layout: Layout) -> None:
    """Render the catalogue for this stack's own addresses."""
    _write(layout.generated / "prometheus.yml", "global: {scrape_interval: 5s}\n")
    (layout.generated / "rules").mkdir(exist_ok=True)
    _write(layout.generated / "rules" / "alertmanager.yml", "route: {receiver: none}\nreceivers: [{name: none}]\n")


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    credentials.write_private(file, text)
