"""``python -m app``: serve appointments; ``--metrics`` prints the declarations of its metrics instead.

``python -m app check`` and ``python -m app erase`` work on a database, restored or live, and serve nothing.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import NoReturn

import click

from app.main import run
from app.metrics import METRICS
from app.settings import SettingsError, load
from app.tools import Exit
from telemetry import logs, own
from telemetry.metric import declarations

COMMANDS = {"check": "app.check.command", "erase": "app.erase"}
"""Each command's module, loaded when it is called."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # same
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return found


@click.group(cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--metrics", "print_metrics", is_flag=True, help="Print the metric declarations as JSON and exit.")
@click.pass_context
def main(ctx: click.Context, *, print_metrics: bool) -> None:
    """Serve appointments on APP_LISTEN, metrics on APP_METRICS_LISTEN; see app/settings.py for all APP_* settings."""
    if ctx.invoked_subcommand is not None:
        return
    if print_metrics:
        click.echo(declarations("app", (*METRICS, *own.METRICS)), nl=False)
        return
    try:
        settings = load()
    except SettingsError as error:
        _end(f"cannot start the app: {error}", Exit.WRONG_INPUT)
    try:
        logs.configure("app", level=settings.log_level)
        asyncio.run(run(settings))
    except (SettingsError, ValueError) as error:
        _end(f"cannot start the app: {error}", Exit.WRONG_INPUT)
    except OSError as error:
        _end(f"cannot listen on {settings.listen} or {settings.metrics_listen}: {error.strerror}", Exit.WRONG_INPUT)


def _end(message: str, code: Exit) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
