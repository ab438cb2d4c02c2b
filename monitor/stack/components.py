"""The components of the embedded stack as data: programs, arguments, readiness, order."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from signal import SIGUSR1

from monitor.stack import programs
from monitor.stack.component import Component, HttpProbe, LedgerProbe, MongodbProbe, PrometheusProbe, RedisProbe
from monitor.stack.layout import Layout
from monitor.stack.replica_set import MEMBERS

REPLICA_SET_STEP = "replica-set"

TRAFFIC_RATE = 20.0
"""Requests a second that the simulated patients send, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What ``monitor up`` was told."""

    only: tuple[str, ...] = ()
    """Components to start, with all that they need; empty: all."""
    traffic_rate: float = TRAFFIC_RATE
    """0: no simulated patients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The programs that are not ours."""

    mongod: str
    redis: str
    haproxy: str
    prometheus: str
    alertmanager: str


def find_servers() -> Servers:
    """Locate all server programs.

    Raises:
        InputError: one is not installed.
    """
    return Servers(
        mongod=programs.locate_mongod(),
        redis=programs.locate("redis-server"),
        haproxy=programs.locate("haproxy"),
        prometheus=programs.locate("prometheus"),
        alertmanager=programs.locate("prometheus-alertmanager", "alertmanager"),
    )


def components(layout: Layout, servers: Servers, choices: Choices, *, retention: timedelta) -> tuple[Component, ...]:
    """Return every component, in the order they start. ``retention`` is how long Prometheus keeps samples."""
    rate = choices.traffic_rate
    return (
        *(_mongod(layout, servers, name) for name in MEMBERS),
        _redis(layout, servers),
        *(_app(layout, name) for name in ("app-1", "app-2")),
        _edge(layout, servers),
        _exporters(layout),
        _prometheus(layout, servers, retention),
        _alertmanager(layout, servers),
        _monitor(layout, "web", "serve", after=()),
        # Its first backup starts with it, and needs what is to be backed up.
        _monitor(layout, "work", "work", after=(REPLICA_SET_STEP, "redis")),
        *((_traffic(layout, rate),) if rate > 0 else ()),
    )


def _mongod(layout: Layout, servers: Servers, name: str) -> Component:
    return Component(
        name=name,
        argv=(servers.mongod, "--config", str(layout.generated / f"{name}.conf")),
        probe=MongodbProbe(address=layout.address(name)),
        address=layout.address(name),
        listens=(name,),
        completed_by=REPLICA_SET_STEP,
        stop_grace_s=20,
    )


def _redis(layout: Layout, servers: Servers) -> Component:
    address = layout.address("redis")
    return Component(
        name="redis",
        argv=(servers.redis, str(layout.generated / "redis.conf")),
        probe=RedisProbe(address=address, username="admin", password_file=layout.redis_password("admin")),
        address=address,
        listens=("redis",),
    )


def _app(layout: Layout, name: str) -> Component:
    return Component(
        name=name,
        argv=(sys.executable, "-m", "app"),
        env={
            "APP_INSTANCE": name,
            "APP_LISTEN": layout.address(name),
            "APP_METRICS_LISTEN": layout.address(f"{name}-metrics"),
            "APP_MONGODB_URI": layout.mongodb_uri,
            "APP_MONGODB_USERNAME": "app",
            "APP_MONGODB_PASSWORD_FILE": str(layout.mongodb_password("app")),
            "APP_REDIS_URI": layout.redis_uri,
            "APP_REDIS_USERNAME": "app",
            "APP_REDIS_PASSWORD_FILE": str(layout.redis_password("app")),
            "APP_FIELD_KEY_FILE": str(layout.field_key),
            "APP_JWT_KEY_FILE": str(layout.jwt_key),
            "APP_SYNTHETIC_SECRET_FILE": str(layout.synthetic_secret),
        },
        probe=HttpProbe(url=f"{layout.url(name)}/readyz"),
        address=layout.address(name),
        listens=(name, f"{name}-metrics"),
        needs=(REPLICA_SET_STEP, "redis"),
        # It drains before it closes, and lets requests in flight end.
        stop_grace_s=20,
    )


def _edge(layout: Layout, servers: Servers) -> Component:
    return Component(
        name="edge",
        # -db: in the foreground, whatever the file says.
        argv=(servers.haproxy, "-db", "-f", str(layout.generated / "haproxy.cfg")),
        env={
            "EDGE_BIND": layout.address("edge"),
            "EDGE_METRICS_BIND": layout.address("edge-metrics"),
            "APP_1": layout.address("app-1"),
            "APP_2": layout.address("app-2"),
        },
        # Through the edge to an app: it is ready when it has a server to send patients to.
        probe=HttpProbe(url=f"{layout.url('edge')}/readyz", headers={"X-Probe": "1"}),
        address=layout.address("edge"),
        listens=("edge", "edge-metrics"),
        needs=("app-1", "app-2"),
        # Stops listening, and lets what is open end; SIGTERM would cut it off.
        stop_signal=SIGUSR1,
        stop_grace_s=3,
    )


def _exporters(layout: Layout) -> Component:
    return Component(
        name="exporters",
        argv=(
            *(sys.executable, "-m", "exporters", "--listen", layout.address("exporters")),
            *("--redis", layout.redis_uri, "--mongodb", layout.mongodb_uri, "--probe", layout.url("edge")),
        ),
        env={
            "EXPORTERS_MONGODB_USERNAME": "exporters",
            "EXPORTERS_MONGODB_PASSWORD_FILE": str(layout.mongodb_password("exporters")),
            "EXPORTERS_REDIS_USERNAME": "exporters",
            "EXPORTERS_REDIS_PASSWORD_FILE": str(layout.redis_password("exporters")),
            "EXPORTERS_SYNTHETIC_SECRET_FILE": str(layout.synthetic_secret),
        },
        probe=HttpProbe(url=f"{layout.url('exporters')}/-/ready"),
        address=layout.address("exporters"),
        listens=("exporters",),
        after=(REPLICA_SET_STEP, "redis", "edge"),
    )


def _prometheus(layout: Layout, servers: Servers, retention: timedelta) -> Component:
    return Component(
        name="prometheus",
        argv=(
            servers.prometheus,
            f"--config.file={layout.generated / 'prometheus.yml'}",
            f"--storage.tsdb.path={layout.data / 'prometheus'}",
            f"--storage.tsdb.retention.time={retention.total_seconds():.0f}s",
            f"--web.listen-address={layout.address('prometheus')}",
            f"--web.external-url={layout.url('prometheus')}/",
            # Keeps which trace an observation belongs to.
            "--enable-feature=exemplar-storage",
        ),
        probe=PrometheusProbe(url=layout.url("prometheus")),
        address=layout.address("prometheus"),
        listens=("prometheus",),
        # The first samples are of a service that is up: what was not started yet is no outage.
        after=("edge", "exporters", "alertmanager"),
        stop_grace_s=20,
    )


def _alertmanager(layout: Layout, servers: Servers) -> Component:
    return Component(
        name="alertmanager",
        argv=(
            servers.alertmanager,
            f"--config.file={layout.generated / 'rules' / 'alertmanager.yml'}",
            f"--storage.path={layout.data / 'alertmanager'}",
            f"--web.listen-address={layout.address('alertmanager')}",
            f"--web.external-url={layout.url('alertmanager')}/",
            # Empty: alone, no gossip, no open port for it.
            "--cluster.listen-address=",
        ),
        probe=HttpProbe(url=f"{layout.url('alertmanager')}/-/ready"),
        address=layout.address("alertmanager"),
        listens=("alertmanager",),
        # Prometheus fires its Watchdog at once: whoever is to receive it should be there.
        after=("web",),
    )


def _monitor(layout: Layout, name: str, command: str, *, after: tuple[str, ...]) -> Component:
    return Component(
        name=name,
        argv=(sys.executable, "-m", "monitor", "--run-dir", str(layout.run_dir), command),
        probe=HttpProbe(url=f"{layout.url(name)}/-/ready"),
        address=layout.address(name),
        listens=(name,),
        after=after,
        stop_grace_s=20,
    )


def _traffic(layout: Layout, rate: float) -> Component:
    return Component(
        name="traffic",
        argv=(
            *(sys.executable, "-m", "app.traffic", "--rate", f"{rate:g}", "--edge", layout.url("edge")),
            *("--ledger", str(layout.ledger)),
        ),
        probe=LedgerProbe(directory=layout.ledger),
        needs=("edge",),
        # No patient comes before anybody counts: the first samples would be missing what happened before them.
        after=("prometheus",),
    )


OUR_PREFIXES = ("APP_", "EXPORTERS_", "MONITOR_")
INHERITED = frozenset(
    prefix + setting
    for prefix in OUR_PREFIXES
    for setting in ("OTLP_ENDPOINT", "JAEGER_ENDPOINT", "DOGSTATSD_ADDRESS", "LOG_LEVEL")
) | {"MONITOR_HEARTBEAT_URL_FILE", "MONITOR_SECOND_CHANNEL_FILE"}
"""Our settings that the caller's environment may give a stack: where its telemetry, its heartbeat and the messages of
its second channel go."""


def clean_environ(environ: dict[str, str]) -> dict[str, str]:
    """Return the environment that components inherit: the caller's, without what would point ours elsewhere.

    An environment variable beats ``monitor.toml``: any other setting of ours that the caller has would send backups,
    or the app, to another database than the stack's own.
    """
    kept = {name: text for name, text in environ.items() if name in INHERITED or not name.startswith(OUR_PREFIXES)}
    return kept | {"PYTHONUNBUFFERED": "1"}


def haproxy_template() -> Path:
    """Where the edge's configuration is, in a checkout of this project."""
    return Path(__file__).resolve().parents[2] / "deploy" / "haproxy.cfg"
