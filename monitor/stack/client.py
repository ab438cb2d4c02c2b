"""The one way to act on a running stack: a synchronous client of the supervisor's control socket."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from monitor.errors import InputError, Unavailable
from monitor.stack.component import ComponentStatus, State
from monitor.stack.control import short_path

_Found = TypeVar("_Found")

ANSWER_S = 5.0
"""How long the supervisor may take for what it does at once."""

FINISH_S = 90.0
"""How long it may take for what it waits for: a graceful stop, a restart until healthy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStatus:
    """All that the supervisor says of itself. ``ready``: start-up is over, and all of it succeeded.

    ``reasons`` says of each component why it is in its state.
    """

    components: tuple[ComponentStatus, ...]
    reasons: dict[str, str]
    ready: bool
    pid: int
    port_offset: int

    @property
    def healthy(self) -> bool:
        """Whether start-up is over and every component is healthy."""
        return self.ready and all(component.state == "healthy" for component in self.components)


class StackClient:
    """Each call opens the socket, asks once, and closes it. Safe to share between threads."""

    def __init__(self, socket_path: Path) -> None:
        self.socket_path = socket_path

    def describe(self) -> StackStatus:
        """Return the supervisor's whole answer.

        Raises:
            Unavailable: no supervisor answers.
        """
        answer = self._ask("status")
        components = tuple(ComponentStatus(**component) for component in answer["components"])
        return StackStatus(**answer | {"components": components})

    def status(self) -> list[ComponentStatus]:
        """Return each component's state, in the order they start."""
        return list(self.describe().components)

    def component(self, name: str) -> ComponentStatus:
        """Return one component's state.

        Raises:
            InputError: there is no such component.
            Unavailable: no supervisor answers.
        """
        for component in self.describe().components:
            if component.name == name:
                return component
        raise InputError(f"no such component: {name}")

    def hold(self, name: str, seconds: float) -> None:
        """Suspend repair of a component for ``seconds``; it ends by itself."""
        self._ask("hold", name=name, seconds=seconds)

    def release(self, name: str) -> None:
        """End a hold now: what is frozen thaws, what is down starts."""
        self._ask("release", name=name)

    def kill(self, name: str, sig: str = "KILL", *, hold_s: float | None = None) -> None:
        """Signal a component's process (KILL, TERM, INT or QUIT); with ``hold_s``, hold it first, in one step."""
        self._ask("kill", name=name, sig=sig, seconds=hold_s)

    def pause(self, name: str, seconds: float | None = None) -> None:
        """Freeze a component. It thaws when its hold ends: after ``seconds``, or 60 s where nothing else was said."""
        self._ask("pause", name=name, seconds=seconds)

    def resume(self, name: str) -> None:
        """Thaw a component."""
        self._ask("resume", name=name)

    def stop(self, name: str) -> None:
        """Stop a component gracefully; it stays stopped."""
        self._ask("stop", name=name, within_s=FINISH_S)

    def start(self, name: str) -> None:
        """Start a stopped or held component; does not wait until it is healthy."""
        self._ask("start", name=name)

    def restart(self, name: str) -> None:
        """Stop a component gracefully, start it, and wait until it is healthy."""
        self._ask("restart", name=name, within_s=FINISH_S)

    def wait_for(self, name: str, state: State, *, within_s: float = 60) -> ComponentStatus:
        """Wait until a component is in a state.

        Raises:
            Unavailable: it was not within ``within_s``.
        """
        return self._wait(lambda: self.component(name), lambda found: found.state == state, f"{name} {state}", within_s)

    def wait_until_healthy(self, *, within_s: float = 120) -> StackStatus:
        """Wait until every component is healthy.

        Raises:
            Unavailable: they were not within ``within_s``.
        """
        return self._wait(self.describe, lambda found: found.healthy, "every component healthy", within_s)

    def _wait(self, look: Callable[[], _Found], good: Callable[[_Found], bool], what: str, within_s: float) -> _Found:
        deadline = time.monotonic() + within_s
        while not good(found := look()):
            if time.monotonic() >= deadline:
                raise Unavailable(f"waited {within_s:g} s for {what}, and it did not happen: see `monitor status`")
            time.sleep(0.1)
        return found

    def _ask(self, op: str, *, within_s: float = ANSWER_S, **given: object) -> dict[str, Any]:
        request = {"op": op} | {name: value for name, value in given.items() if value is not None}
        try:
            line = self._exchange(json.dumps(request).encode() + b"\n", within_s)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise Unavailable(f"no stack runs in {self.socket_path.parent}: start it with `monitor up`") from error
        except OSError as error:
            raise Unavailable(
                f"the supervisor in {self.socket_path.parent} did not answer {op} within {within_s:g} s: "
                "see logs/supervisor.log there, or `monitor down` and `monitor up`"
            ) from error
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise InputError(str(answer["error"]))
        return answer

    def _exchange(self, request: bytes, within_s: float) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(within_s)
            with short_path(self.socket_path) as short:
                connection.connect(short)
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                line = stream.readline()
        if not line:
            raise ConnectionResetError("the supervisor closed the connection")
        return line
