"""Keeps one component running: starts it, asks whether it is ready, starts it again when it exits.

A life goes ``starting -> healthy <-> unhealthy -> (exit)``. After an exit comes a rest (back-off), then the next life.
A component that is merely unhealthy is left alone: restarting what is slow makes an outage of it. A hold suspends the
next life, and ends by itself, so that no drill that dies can leave something broken behind.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from signal import Signals

from monitor.errors import InputError
from monitor.stack.component import Component, ComponentStatus, State
from monitor.stack.probes import Prober

FIRST_REST_S = 0.5
LONGEST_REST_S = 30.0
"""The rest between two lives doubles from the first to the longest."""

STEADY_S = 60.0
"""Healthy for this long: the next exit starts again with the first rest."""

ASK_EVERY_S = 1.0
ASK_STARTING_EVERY_S = 0.15
FAILURES_TO_UNHEALTHY = 2
"""Questions in a row that must fail: one slow answer is no change of state."""

PAUSE_S = 60.0
"""How long a pause lasts where no hold says otherwise."""


class Keeper:
    """One component of a running stack. All methods belong to the supervisor's event loop."""

    def __init__(
        self,
        component: Component,
        *,
        log: Path,
        environ: dict[str, str],
        prober: Prober,
        on_change: Callable[[Keeper], None],
    ) -> None:
        self.component = component
        self.log = log
        self.reason = "not started yet"
        self.ready = asyncio.Event()
        """Set once the component was healthy for the first time."""
        self.exits = 0
        self._environ = environ
        self._prober = prober
        self._on_change = on_change
        self._condition: State = "stopped"
        self._told: State | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._wanted = True
        self._asked_to_exit = False
        self._frozen = False
        self._hold_until: float | None = None
        self._hold_timer: asyncio.TimerHandle | None = None
        self._pause_holds = False
        self._rest_s = FIRST_REST_S
        self._wake = asyncio.Event()
        self._completed = asyncio.Event()
        if not component.completed_by:
            self._completed.set()

    # --- what is seen ---------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The component's name."""
        return self.component.name

    @property
    def state(self) -> State:
        """The state that people and programs are shown."""
        return "held" if self._hold_until is not None else self._condition

    @property
    def pid(self) -> int | None:
        """The running process's id."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    def status(self) -> ComponentStatus:
        """Return what ``monitor status`` shows."""
        return ComponentStatus(name=self.name, state=self.state, pid=self.pid, address=self.component.address)

    # --- the life -------------------------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Keep the component running until cancelled; then stop it."""
        try:
            while True:
                await self._until_wanted()
                exited = await self._live()
                if self._asked_to_exit:
                    continue
                if self._hold_until is None:
                    await self._rest(exited)
                else:
                    self._change("unhealthy", exited, always=True)
        finally:
            await self.terminate()
            self._release_timer()
            self._hold_until = None
            self._change("stopped", "the stack stops")

    def complete(self) -> None:
        """Tell that the step which completes this component is done."""
        self._completed.set()

    async def _until_wanted(self) -> None:
        while not self._wanted or self._hold_until is not None:
            self._wake.clear()
            await self._wake.wait()

    async def _live(self) -> str:
        started = time.monotonic()
        try:
            self._process = await self._spawn()
        except OSError as error:
            # Of descriptors, of memory, of room: what has run out now may be there when it is tried again.
            return f"cannot be started: {error.strerror}"
        self._frozen = self._asked_to_exit = False
        if not self._wanted:
            # Stopped while it was being spawned, when there was no process yet that could have been told.
            await self.terminate()
            return "stopped on request"
        self._change("starting", "started")
        watch = asyncio.create_task(self._watch(self._process.pid, started))
        try:
            code = await self._process.wait()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        return f"killed by {Signals(-code).name}" if code < 0 else f"exited with status {code}"

    async def _spawn(self) -> asyncio.subprocess.Process:
        # Somebody may have tidied up.
        self.log.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *self.component.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=self._environ,
                # Its own session: Ctrl-C on a terminal reaches the supervisor alone, which stops things in order.
                start_new_session=True,
            )
        finally:
            os.close(descriptor)

    async def _watch(self, pid: int, started: float) -> None:
        failures = 0
        healthy_since: float | None = None
        while True:
            reason = await self._prober.ask(self.component.probe, pid)
            now = time.monotonic()
            if not reason and not self._completed.is_set():
                reason = f"waits for the {self.component.completed_by}"
            if not reason:
                failures = 0
                healthy_since = healthy_since or now
                if now - healthy_since >= STEADY_S:
                    self._rest_s = FIRST_REST_S
                self._change("healthy", "ready")
                self.ready.set()
            else:
                failures += 1
                healthy_since = None
                late = self._condition == "starting" and now - started > self.component.ready_within_s
                if late or (self._condition == "healthy" and failures >= FAILURES_TO_UNHEALTHY):
                    self._change("unhealthy", reason)
                self.reason = reason
            await asyncio.sleep(ASK_STARTING_EVERY_S if self._condition == "starting" else ASK_EVERY_S)

    async def _rest(self, exited: str) -> None:
        self.exits += 1
        reason = f"{exited}; next start in {self._rest_s:g} s"
        self._change("unhealthy", reason)
        # Also where it did not even start: that is no change, but why and how long are others each time.
        self.reason = reason
        self._wake.clear()
        try:
            async with asyncio.timeout(self._rest_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._rest_s = min(self._rest_s * 2, LONGEST_REST_S)

    # --- what may be done to it -----------------------------------------------------------------------------------

    def hold(self, seconds: float) -> None:
        """Suspend repair for ``seconds`` from now."""
        self._release_timer()
        self._pause_holds = False
        self._hold_until = time.monotonic() + seconds
        self._hold_timer = asyncio.get_running_loop().call_later(seconds, self.release, f"held for {seconds:g} s")
        self._tell(f"held for {seconds:g} s")

    def release(self, why: str = "released") -> None:
        """End the hold: thaw what is frozen, start what is down."""
        self._release_timer()
        if self._hold_until is None:
            return
        self._hold_until = None
        self._thaw()
        self._tell(why)
        self._wake.set()

    def kill(self, signum: Signals) -> None:
        """Signal the process, as an accident would."""
        self._send(signum)
        if self._frozen and signum != Signals.SIGKILL:
            self._thaw()

    def pause(self, seconds: float | None) -> None:
        """Freeze the process; it thaws when its hold ends, at the latest."""
        self._send(Signals.SIGSTOP)
        self._frozen = True
        if seconds is not None or self._hold_until is None:
            self.hold(seconds or PAUSE_S)
            self._pause_holds = True

    def resume(self) -> None:
        """Thaw the process; a hold that only the pause had made ends."""
        self._running()
        self._thaw()
        if self._pause_holds:
            self.release("resumed")

    async def stop(self) -> None:
        """Stop the process gracefully and leave it stopped."""
        self._wanted = False
        await self.terminate()
        self._change("stopped", "stopped on request")

    def start(self) -> None:
        """Start the component again, now, whatever kept it down."""
        self._wanted = True
        self._rest_s = FIRST_REST_S
        self.release("started on request")
        self._wake.set()

    async def restart(self) -> None:
        """Stop gracefully, start, and wait until healthy.

        Raises:
            InputError: it did not become healthy in time.
        """
        await self.stop()
        self.ready.clear()
        self.start()
        try:
            async with asyncio.timeout(self.component.ready_within_s):
                await self.ready.wait()
        except TimeoutError:
            raise InputError(f"{self.name} did not become healthy: {self.reason}; its log is {self.log}") from None

    async def terminate(self) -> None:
        """Ask the process to stop, wait for its grace, then kill it."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._asked_to_exit = True
        self._thaw()
        _signal(process, self.component.stop_signal)
        try:
            async with asyncio.timeout(self.component.stop_grace_s):
                await process.wait()
        except TimeoutError:
            _signal(process, Signals.SIGKILL)
            await process.wait()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            raise InputError(f"{self.name} is not running: nothing to signal")
        return self._process

    def _send(self, signum: Signals) -> None:
        try:
            self._running().send_signal(signum)
        except ProcessLookupError:
            raise InputError(f"{self.name} has just ended: nothing to signal") from None

    def _thaw(self) -> None:
        if self._frozen and self._process is not None and self._process.returncode is None:
            _signal(self._process, Signals.SIGCONT)
        self._frozen = False

    def _release_timer(self) -> None:
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None

    def _change(self, condition: State, reason: str, *, always: bool = False) -> None:
        self._condition = condition
        self._tell(reason, always=always)

    def _tell(self, reason: str, *, always: bool = False) -> None:
        if always or self.state != self._told:
            self._told = self.state
            self.reason = reason
            self._on_change(self)


def _signal(process: asyncio.subprocess.Process, signum: Signals) -> None:
    try:
        process.send_signal(signum)
    except ProcessLookupError:
        return
