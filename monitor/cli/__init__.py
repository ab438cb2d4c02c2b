"""``monitor``: one command per module; each parses, calls, prints and exits."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from monitor import settings as settings_module
from monitor.catalogue.model import Catalogue, Slo
from monitor.errors import Exit, InputError, MonitorError
from monitor.settings import Settings

COMMANDS = {
    "init": ("monitor.cli.init", "Write a catalogue to start from."),
    "up": ("monitor.cli.up", "Start the embedded stack on this machine and wait until it is healthy."),
    "down": ("monitor.cli.stack", "Stop the embedded stack; leaves no process and no port behind."),
    "status": ("monitor.cli.stack", "Show the components of the embedded stack."),
    "generate": (
        "monitor.cli.generate",
        "Write rules, tests, Alertmanager's configuration, dashboards and runbook heads.",
    ),
    "check": (
        "monitor.cli.check",
        "Find promises that cannot hold: unknown metrics, dead routes, alerts that never fire.",
    ),
    "slo": (
        "monitor.cli.slo",
        "Show where each SLO stands and what its alerts would have done; validate OpenSLO files.",
    ),
    "gate": ("monitor.cli.gate", "Say whether changes may go out, by what is left of an error budget."),
    "report": ("monitor.cli.report", "Write the SLO report of a period."),
    "backup": ("monitor.cli.backup", "Take, list and verify backups."),
    "drill": ("monitor.cli.drill", "Run disaster-recovery drills and read their journals."),
    "serve": ("monitor.cli.serve", "Serve the console, the API and the alert receiver."),
    "work": ("monitor.cli.work", "Run the scheduled jobs: backups, verifications, reports, drills."),
}
"""Each command's module, which holds it as ``command`` or ``<name>_command``, and its one-line help."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every command is handed: the settings that hold here, read once."""

    settings: Settings


class _Commands(click.Group):
    """Loads a command's module when it is called, so that ``monitor status`` does not pay for the PDF library."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, f"{cmd_name}_command", None) or module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # same
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MonitorError as error:
            fail(error)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option("--run-dir", type=click.Path(path_type=Path), help="The embedded stack's directory (default .run).")
@click.option("--catalogue", type=click.Path(path_type=Path), help="Catalogue directory (default: the bundled one).")
@click.option("--env", "environment", help="Environment of the catalogue (default local).")
@click.version_option(package_name="appointment-sre")
@click.pass_context
def main(
    ctx: click.Context, config: Path | None, run_dir: Path | None, catalogue: Path | None, environment: str | None
) -> None:
    """The SRE control plane: promises in; rules, dashboards, verified backups, drills and SLO reports out."""
    flags = {"run_dir": run_dir, "catalogue": catalogue, "environment": environment}
    ctx.obj = Context(settings_module.load(config=config, flags=flags))


pass_settings = click.make_pass_decorator(Context)


def slo_named(catalogue: Catalogue, name: str) -> Slo:
    """Find an SLO.

    Raises:
        InputError: there is none of that name; the message lists those that there are.
    """
    slo = catalogue.slo(name)
    if slo is None:
        known = ", ".join(sorted(one.name for one in catalogue.slos)) or "none"
        raise InputError(f"the catalogue has no SLO {name!r}; it has: {known}")
    return slo


def fail(error: MonitorError) -> NoReturn:
    """Print an expected error as one clear message and exit with its code."""
    click.echo(f"monitor: {error}", err=True)
    raise SystemExit(int(error.exit_code))


def print_json(value: object) -> None:
    """Print a JSON answer for programs."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def leave(code: Exit) -> NoReturn:
    """Exit with one of the documented codes."""
    raise SystemExit(int(code))
