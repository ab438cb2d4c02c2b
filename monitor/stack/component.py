"""What a component of the stack is: how it is started, when it is ready, how it is stopped. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Literal, get_args

from monitor.errors import InputError

State = Literal["healthy", "starting", "unhealthy", "stopped", "held"]
"""``held``: the supervisor keeps its hands off for a while, whatever the process does meanwhile."""

STATES: tuple[State, ...] = get_args(State)

LONGEST_HOLD_S = 3600.0
"""No hold may be longer: whatever is broken on purpose is put right by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe:
    """Ready when a GET is answered with 200."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusProbe:
    """Ready when Prometheus is, and has scraped each target once: what comes after is counted from its beginning."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MongodbProbe:
    """Ready when the member answers ``hello``, is primary or secondary, and knows a primary."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisProbe:
    """Ready when PING is answered after logging in; a server still loading its data is not."""

    address: str
    username: str
    password_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerProbe:
    """Ready when this process keeps writing its ledger: the file named after its pid grew within ``quiet_s``."""

    directory: Path
    quiet_s: float = 15


Probe = HttpProbe | PrometheusProbe | MongodbProbe | RedisProbe | LedgerProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One process of the stack.

    ``needs`` names the components and steps that must have been ready once before this one starts; ``after`` as well,
    but only those that are started at all. ``completed_by`` is a step without which this component is of no use yet (a
    database server before its users exist). ``listens`` are names in ``layout.PORTS``. ``argv`` never holds a secret.
    """

    name: str
    argv: tuple[str, ...]
    probe: Probe
    address: str = ""
    listens: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    completed_by: str = ""
    stop_signal: Signals = SIGTERM
    stop_grace_s: float = 10
    ready_within_s: float = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentStatus:
    """What the supervisor says of a component at one moment. ``pid`` is ``None`` while no process runs."""

    name: str
    state: State
    pid: int | None
    address: str


def select(
    components: tuple[Component, ...], only: tuple[str, ...], steps: dict[str, tuple[str, ...]]
) -> frozenset[str]:
    """Return the names of the components in ``only`` and of all that they need; everything when ``only`` is empty.

    ``steps`` maps each step to the components it needs.

    Raises:
        InputError: a name is not that of a component.
    """
    known = {component.name: component for component in components}
    unknown = sorted(set(only) - set(known))
    if unknown:
        raise InputError(f"no such component: {', '.join(unknown)}; there are {', '.join(known)}")
    chosen: set[str] = set()
    waiting = list(only or known)
    while waiting:
        name = waiting.pop()
        if name in steps:
            waiting.extend(set(steps[name]) - chosen)
        elif name not in chosen:
            chosen.add(name)
            component = known[name]
            waiting.extend((*component.needs, *([component.completed_by] if component.completed_by else ())))
    return frozenset(chosen)
