"""Lays out a stack's run directory: folders, secrets, settings, and every generated configuration file."""

from __future__ import annotations

from pathlib import Path

from monitor.catalogue.model import Catalogue
from monitor.errors import InputError
from monitor.stack import credentials, derived, server_files
from monitor.stack.components import Servers, haproxy_template
from monitor.stack.derived import Promises
from monitor.stack.layout import HOST, Layout
from monitor.stack.procfs import is_free, port_holder
from monitor.stack.replica_set import MEMBERS

WITH_DATA = (*MEMBERS, "redis", "prometheus", "alertmanager")
"""The components that keep files of their own."""


def lay_out(layout: Layout, servers: Servers, promises: Promises, catalogue: Catalogue, names: frozenset[str]) -> None:
    """Write everything that the components in ``names`` read.

    Raises:
        InputError: the edge's template is missing.
    """
    for directory in (layout.run_dir, layout.logs, layout.generated, layout.ledger, layout.backups, layout.data):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
    for name in WITH_DATA:
        (layout.data / name).mkdir(mode=0o700, exist_ok=True)
    credentials.make(layout)
    for name in MEMBERS:
        _write(layout.generated / f"{name}.conf", server_files.mongod_conf(layout, name))
    _write(layout.generated / "redis.conf", server_files.redis_conf(layout))
    if "edge" in names:
        _write(layout.generated / "haproxy.cfg", _haproxy_cfg())
    settings = server_files.monitor_toml(
        layout,
        mongod=servers.mongod,
        environment=promises.environment,
        catalogue=str(promises.catalogue.absolute()) if promises.catalogue is not None else None,
    )
    _write(layout.run_dir / "monitor.toml", settings)
    derived.write(layout, catalogue)


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


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    credentials.write_private(file, text)
