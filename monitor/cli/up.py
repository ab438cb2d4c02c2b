"""``monitor up``: start the embedded stack on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from monitor.cli import Context, pass_settings
from monitor.cli.stack import coloured, print_table
from monitor.errors import InputError, Unavailable
from monitor.stack.client import StackClient, StackStatus
from monitor.stack.component import ComponentStatus
from monitor.stack.components import TRAFFIC_RATE, Choices
from monitor.stack.derived import Promises
from monitor.stack.launch import start_detached, wait_until_healthy
from monitor.stack.layout import PORTS, Layout
from monitor.stack.lock import at_work
from monitor.stack.run import Plan, run
from monitor.store import ComponentChange
from telemetry import logs

_LOWEST_OFFSET = 1024 - min(PORTS.values())
_HIGHEST_OFFSET = 65_535 - max(PORTS.values())


@click.command()
@click.option("--detach", "-d", is_flag=True, help="Run in the background; return when everything is healthy.")
@click.option(
    "--port-offset",
    type=click.IntRange(_LOWEST_OFFSET, _HIGHEST_OFFSET),
    default=0,
    show_default=True,
    help="Move every port by this much.",
)
@click.option("--only", metavar="NAME,...", default="", help="Start these components, with all that they need.")
@click.option(
    "--traffic-rate",
    type=click.FloatRange(min=0),
    default=TRAFFIC_RATE,
    show_default=True,
    help="Requests a second from simulated patients.",
)
@click.option("--no-traffic", is_flag=True, help="No simulated patients.")
@click.option("--supervise", is_flag=True, hidden=True, help="What --detach starts: logs instead of progress.")
@click.option("--while-pid", type=int, hidden=True, help="Stop when this process ends.")
@pass_settings
def command(
    ctx: Context,
    *,
    detach: bool,
    port_offset: int,
    only: str,
    traffic_rate: float,
    no_traffic: bool,
    supervise: bool,
    while_pid: int | None,
) -> None:
    """Start the embedded stack on this machine and wait until it is healthy.

    MongoDB as a replica set, Redis, two instances of the app behind HAProxy, exporters, Prometheus, Alertmanager, the
    console and the worker, with simulated patients: real servers, everything on 127.0.0.1, everything below --run-dir.
    """
    layout = Layout(run_dir=ctx.settings.run_dir.resolve(), port_offset=port_offset)
    plan = Plan(
        layout=layout,
        choices=Choices(
            only=tuple(name.strip() for name in only.split(",") if name.strip()),
            traffic_rate=0 if no_traffic else traffic_rate,
        ),
        promises=Promises(environment=ctx.settings.environment, catalogue=ctx.settings.catalogue),
        while_pid=while_pid,
    )
    if supervise:
        _supervise(plan)
        return
    if _already_up(layout):
        return
    if detach:
        print_table(start_detached(plan, progress=_Progress().follow).components)
        return
    progress = _Progress()
    run(plan, listener=progress.changed, on_ready=_announce)


def _already_up(layout: Layout) -> bool:
    """Deal with a stack that runs, or is being started by somebody else: once healthy, that is all that was wanted."""
    if at_work(layout.run_dir)[0] in {"stopping", "down"}:
        click.echo("a stack is being stopped here; starting when that is done")
        return False
    client = StackClient(layout.control_socket)
    try:
        status = client.describe()
    except Unavailable:
        return False
    if status.port_offset != layout.port_offset:
        raise InputError(
            f"the stack in {layout.run_dir} runs with --port-offset {status.port_offset}: stop it first "
            "(`monitor down`), or give another --run-dir"
        )
    if not status.healthy:
        click.echo("already up or starting; waiting until everything is healthy")
        try:
            status = wait_until_healthy(client, progress=_Progress().follow)
        except Unavailable:
            if at_work(layout.run_dir)[0] == "up":
                raise
            click.echo("it was stopped meanwhile; starting it")
            return False
    click.echo(f"already up and healthy (supervisor pid {status.pid})")
    print_table(status.components)
    return True


class _Progress:
    """Prints one line for each change of state, with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._states: dict[str, str] = {}

    def follow(self, status: StackStatus) -> None:
        """Print what changed since the last answer."""
        for component in status.components:
            if component.state != "stopped" or component.name in self._states:
                self._line(component.name, component.state, "")

    def changed(self, change: ComponentChange) -> None:
        """Print a change as it happens."""
        self._line(change.name, change.state, change.reason if change.state in {"unhealthy", "held"} else "")

    def _line(self, name: str, state: str, reason: str) -> None:
        if self._states.get(name) != state:
            self._states[name] = state
            elapsed = time.monotonic() - self._started
            click.echo(f"{elapsed:6.1f} s  {name:<13} {coloured(state)}{'  ' + reason if reason else ''}")


def _announce(components: Sequence[ComponentStatus]) -> None:
    print_table(components)
    click.echo("Ctrl-C stops everything.")


def _supervise(plan: Plan) -> None:
    """Run the stack in the background: what happens goes into a log, for no terminal is there."""
    logs.configure("stack")
    log = logs.get_logger()
    started = time.monotonic()

    def change(to: ComponentChange) -> None:
        log.info("stack.component", component=to.name, state=to.state)

    def ready(components: Sequence[ComponentStatus]) -> None:
        log.info("stack.started", components=len(components), seconds=time.monotonic() - started)

    run(plan, listener=change, on_ready=ready)
    log.info("stack.stopped", seconds=time.monotonic() - started)
