"""``monitor up | down | status``: the embedded stack on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import click

from monitor.cli import Context, leave, pass_settings, print_json
from monitor.errors import Exit, InputError, Unavailable
from monitor.stack.client import StackClient, StackStatus
from monitor.stack.component import ComponentStatus
from monitor.stack.components import TRAFFIC_RATE, Choices
from monitor.stack.derived import Promises
from monitor.stack.launch import start_detached, wait_until_healthy
from monitor.stack.layout import PORTS, Layout
from monitor.stack.run import Plan, run
from monitor.stack.teardown import tear_down
from monitor.store import ComponentChange
from telemetry import logs

_LOWEST_OFFSET = 1024 - min(PORTS.values())
_HIGHEST_OFFSET = 65_535 - max(PORTS.values())


@click.command("up")
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
def up_command(
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
    layout = Layout(run_dir=ctx.settings.run_dir.absolute(), port_offset=port_offset)
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
        logs.configure("stack")
        run(plan, listener=_log, on_ready=lambda _: None)
        return
    if _already_up(layout):
        return
    if detach:
        _print_table(start_detached(plan, progress=_Progress().follow).components)
        return
    progress = _Progress()
    run(plan, listener=progress.changed, on_ready=_announce)


@click.command("down")
@pass_settings
def down_command(ctx: Context) -> None:
    """Stop the embedded stack; leaves no process and no port behind, whatever state it was in."""
    run_dir = ctx.settings.run_dir.absolute()
    stopped = tear_down(run_dir, progress=lambda text: click.echo(text, err=True))
    click.echo(f"stopped: nothing of {run_dir} runs any more" if stopped else f"nothing runs in {run_dir}")


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Answer for programs.")
@pass_settings
def status_command(ctx: Context, *, as_json: bool) -> None:
    """Show each component's state. Exit code: 0 all healthy, 1 some are not, 3 no stack runs."""
    status = StackClient(ctx.settings.run_dir.absolute() / "control.sock").describe()
    if as_json:
        print_json({"components": [asdict(component) for component in status.components]})
    else:
        _print_table(status.components, status.reasons)
    leave(Exit.GOOD if status.healthy else Exit.PROMISE_BROKEN)


def _already_up(layout: Layout) -> bool:
    """Deal with a stack that runs, or is being started by somebody else: once healthy, that is all that was wanted."""
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
        status = wait_until_healthy(client, progress=_Progress().follow)
    click.echo(f"already up and healthy (supervisor pid {status.pid})")
    _print_table(status.components)
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
            click.echo(f"{elapsed:6.1f} s  {name:<13} {_coloured(state)}{'  ' + reason if reason else ''}")


def _announce(components: Sequence[ComponentStatus]) -> None:
    _print_table(components)
    click.echo("Ctrl-C stops everything.")


def _coloured(state: str, width: int = 0) -> str:
    colours = {"healthy": "green", "unhealthy": "red", "held": "yellow", "stopped": "yellow"}
    return click.style(f"{state:<{width}}", fg=colours.get(state))


def _print_table(components: Sequence[ComponentStatus], reasons: Mapping[str, str] | None = None) -> None:
    width = max(len(component.name) for component in components)
    for component in components:
        pid = "-" if component.pid is None else str(component.pid)
        row = f"{component.name:<{width}}  {_coloured(component.state, 9)}  {component.address:<15}  {pid:>7}"
        why = (reasons or {}).get(component.name, "") if component.state != "healthy" else ""
        click.echo(f"{row}  {why}".rstrip())


def _log(change: ComponentChange) -> None:
    logs.get_logger().info("stack.component", component=change.name, state=change.state)
