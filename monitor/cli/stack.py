"""``monitor down | status``: the embedded stack on this machine. ``up`` stands apart, for it loads far more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import click

from monitor.cli import Context, leave, pass_settings, print_json
from monitor.errors import Exit
from monitor.stack.client import StackClient
from monitor.stack.component import ComponentStatus
from monitor.stack.teardown import tear_down


@click.command("down")
@pass_settings
def down_command(ctx: Context) -> None:
    """Stop the embedded stack; leaves no process and no port behind, whatever state it was in."""
    run_dir = ctx.settings.run_dir.resolve()
    stopped = tear_down(run_dir, progress=lambda text: click.echo(text, err=True))
    click.echo(f"stopped: nothing of {run_dir} runs any more" if stopped else f"nothing runs in {run_dir}")


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Answer for programs.")
@pass_settings
def status_command(ctx: Context, *, as_json: bool) -> None:
    """Show each component's state. Exit code: 0 all healthy, 1 some are not, 3 no stack runs."""
    status = StackClient(ctx.settings.run_dir.resolve() / "control.sock").describe()
    if as_json:
        print_json({"components": [asdict(component) for component in status.components]})
    else:
        print_table(status.components, status.reasons)
    leave(Exit.GOOD if status.healthy else Exit.PROMISE_BROKEN)


def coloured(state: str, width: int = 0) -> str:
    """Return a state in its colour, padded to ``width``."""
    colours = {"healthy": "green", "unhealthy": "red", "held": "yellow", "stopped": "yellow"}
    return click.style(f"{state:<{width}}", fg=colours.get(state))


def print_table(components: Sequence[ComponentStatus], reasons: Mapping[str, str] | None = None) -> None:
    """Print each component's state, address and pid, and why it is not healthy."""
    width = max(len(component.name) for component in components)
    for component in components:
        pid = "-" if component.pid is None else str(component.pid)
        row = f"{component.name:<{width}}  {coloured(component.state, 9)}  {component.address:<15}  {pid:>7}"
        why = (reasons or {}).get(component.name, "") if component.state != "healthy" else ""
        click.echo(f"{row}  {why}".rstrip())
