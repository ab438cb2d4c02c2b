"""``python -m app``: serve appointments; ``--metrics`` prints the declarations of its metrics instead."""

from __future__ import annotations

import asyncio
import sys
from enum import IntEnum
from typing import NoReturn

import click

from app.main import run
from app.metrics import METRICS
from app.settings import SettingsError, load
from telemetry import logs, own
from telemetry.metric import declarations


class Exit(IntEnum):
    """How this process ends."""

    GOOD = 0
    WRONG_INPUT = 2
    UNKNOWN = 3


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--metrics", "print_metrics", is_flag=True, help="Print the metric declarations as JSON and exit.")
def main(*, print_metrics: bool) -> None:
    """Serve appointments on APP_LISTEN, metrics on APP_METRICS_LISTEN; see app/settings.py for all APP_* settings."""
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
