"""Ports for servers that choose none themselves: free, and looked for by nobody else until they listen."""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack, suppress

LOWEST, HIGHEST = 16_000, 27_000
"""Above those of a stack, whatever its offset, but for MongoDB's; these, what Linux gives to outgoing connections and
what it gives to whoever asks for any port lie higher."""
_given: set[int] = set()


def free_ports(*names: str) -> dict[str, int]:
    """A port for each name; none is given twice, and none to two workers."""
    # Not the generator that pytest-randomly seeds for each test: two runs of one seed would meet at the same ports.
    chance, ours = random.SystemRandom(), _ours()
    with ExitStack() as held:
        ports: dict[str, int] = {}
        while len(ports) < len(names):
            one, port = held.enter_context(socket.socket()), chance.choice(ours)
            with suppress(OSError):
                if port not in _given:
                    one.bind(("127.0.0.1", port))
                    _given.add(port)
                    ports[names[len(ports)]] = port
        return ports


def free_port() -> int:
    return free_ports("one")["one"]


def free_address() -> str:
    return f"127.0.0.1:{free_port()}"


def _ours() -> range:
    """The share of this worker: a server takes a second to listen, and until then its port looks free to others."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return range(LOWEST + worker, HIGHEST, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
