"""The components as data: order, subsets, and no secret where others could read it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.errors import InputError
from monitor.stack.component import Component, select
from monitor.stack.components import REPLICA_SET_STEP, Choices, Servers, clean_environ, components
from monitor.stack.layout import COMPONENTS, PORTS, Layout
from monitor.stack.replica_set import MEMBERS

LAYOUT = Layout(run_dir=Path("/run/stack"), port_offset=3000)
SERVERS = Servers(
    mongod="mongod", redis="redis-server", haproxy="haproxy", prometheus="prometheus", alertmanager="alertmanager"
)
STEPS: dict[str, tuple[str, ...]] = {REPLICA_SET_STEP: MEMBERS}


def made(choices: Choices | None = None) -> tuple[Component, ...]:
    return components(LAYOUT, SERVERS, choices or Choices(), retention=timedelta(days=400))


def test_every_documented_component_is_there_and_no_other() -> None:
    assert [component.name for component in made()] == list(COMPONENTS)


def test_every_documented_listener_belongs_to_one_component() -> None:
    listeners = [listener for component in made() for listener in component.listens]
    assert sorted(listeners) == sorted(PORTS)


def test_nobody_waits_for_itself_or_in_a_circle() -> None:
    waits = {component.name: {*component.needs, *component.after} for component in made()}
    waits[REPLICA_SET_STEP] = set(MEMBERS)
    while waits:
        free = {name for name, needs in waits.items() if not needs & waits.keys()}
        assert free, f"a circle among {sorted(waits)}"
        waits = {name: needs for name, needs in waits.items() if name not in free}


def test_a_subset_brings_what_it_needs() -> None:
    assert select(made(), ("app-1",), STEPS) == {"app-1", "redis", *MEMBERS}


def test_a_database_brings_its_whole_replica_set() -> None:
    assert select(made(), ("mongo-2",), STEPS) == {*MEMBERS}


def test_an_order_alone_brings_nobody() -> None:
    assert select(made(), ("prometheus", "alertmanager"), STEPS) == {"prometheus", "alertmanager"}


def test_without_a_subset_everything_starts() -> None:
    assert select(made(), (), STEPS) == set(COMPONENTS)


def test_an_unknown_component_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(InputError, match="no such component: postgres; there are mongo-1, "):
        select(made(), ("postgres",), STEPS)


def test_traffic_can_be_left_out() -> None:
    assert "traffic" not in [component.name for component in made(Choices(traffic_rate=0))]


def test_every_port_moves_with_the_offset() -> None:
    text = " ".join(" ".join((*component.argv, *component.env.values(), component.address)) for component in made())
    for listener, port in PORTS.items():
        assert f":{port} " not in f"{text} ", listener


def test_what_would_point_a_component_elsewhere_is_not_inherited() -> None:
    elsewhere = {
        "MONITOR_CONFIG": "other.toml",
        "MONITOR_RUN_DIR": "/other",
        "MONITOR_MONGODB_URI": "mongodb://production/",
        "MONITOR_BACKUP_STORE": "/other/backups",
        "APP_CONFIG": "other.toml",
        "APP_MONGODB_DATABASE": "other",
        "EXPORTERS_DATABASE": "other",
    }
    secrets = {"MONITOR_HEARTBEAT_URL_FILE": "/secret", "MONITOR_SECOND_CHANNEL_FILE": "/secrets"}
    ours = {"PATH": "/bin", "APP_OTLP_ENDPOINT": "http://127.0.0.1:4318"} | secrets
    assert clean_environ(elsewhere | ours) == ours | {"PYTHONUNBUFFERED": "1"}
