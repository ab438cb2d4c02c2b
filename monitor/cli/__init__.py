"""``monitor``: one command per module; each parses, calls, prints and exits."""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from monitor import settings as settings_module
from monitor.catalogue.model import Catalogue, Slo
from monitor.errors import Exit, InputError, MonitorError, Unavailable, printable
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
    "alert": (
        "monitor.cli.alert",
        "Say where an alert goes and why; show whether each has owner, runbook, tests and panel.",
    ),
    "slo": (
        "monitor.cli.slo",
        "Show where each SLO stands and what its alerts would have done; validate OpenSLO files.",
    ),
    "dashboard": ("monitor.cli.dashboard", "Draw dashboards without Grafana; list them with what they cost."),
    "gate": ("monitor.cli.gate", "Say whether changes may go out, by what is left of an error budget."),
    "report": ("monitor.cli.report", "Write the SLO report of a period."),
    "backup": ("monitor.cli.backup", "Take, list and verify backups."),
    "restore": ("monitor.cli.restore", "Restore the databases as they were at a time, or a mongodump directory."),
    "drill": ("monitor.cli.drill", "Run disaster-recovery drills and read their journals."),
    "second-channel": (
        "monitor.cli.second_channel",
        "Send a test message to those who are told when alerts cannot arrive.",
    ),
    "serve": ("monitor.cli.serve", "Serve the console, the API and the alert receiver."),
    "work": ("monitor.cli.work", "Run the scheduled jobs: backups, verifications, reports, drills."),
}
"""Each command's module, which holds it as ``command`` or ``<name>_command``, and its one-line help."""

START_AND_END = frozenset({"up", "down", "status"})
"""Commands that leave the run directory's own ``monitor.toml`` unread: ``up`` writes it, and would start again whatever
was started last; and ``down`` must end a stack that another version of this program described there."""

RUN_OUT = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
)
"""What the system says when it has no more room, descriptors or memory, or its disk fails: no path is at fault."""


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
        except BrokenPipeError:
            # Whoever read along has left, as `head` does: click knows how to leave as well.
            raise
        except OSError as error:
            fail(_explained(str(ctx.invoked_subcommand), error))


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
    described = ctx.invoked_subcommand not in START_AND_END
    ctx.obj = Context(settings_module.load(config=config, flags=flags, run_dir_file=described))


pass_settings = click.make_pass_decorator(Context)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Let no garbage be collected for a while: a command that builds much and then ends would look for it in vain."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


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
    # The code must come through even where the message does not: standard error may be a log on a full disk.
    with contextlib.suppress(OSError):
        click.echo(f"monitor: {printable(str(error))}", err=True)
    raise SystemExit(int(error.exit_code))


def _explained(command: str, error: OSError) -> MonitorError:
    """Say what the system refused. A path can be corrected; what a machine has run out of is no fault of the input."""
    why = error.strerror or type(error).__name__
    if error.filename is None or error.errno in RUN_OUT:
        place = "" if error.filename is None else f" at {_shown(error.filename)}"
        return Unavailable(f"{command}: the system refused to go on{place}: {why}. Put that right, and run it again")
    return InputError(f"{command}: cannot use {_shown(error.filename)}: {why}. Correct the path or who may use it")


def _shown(filename: object) -> str:
    return os.fsdecode(filename) if isinstance(filename, str | bytes | os.PathLike) else str(filename)


def print_json(value: object) -> None:
    """Print a JSON answer for programs."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def leave(code: Exit) -> NoReturn:
    """Exit with one of the documented codes."""
    raise SystemExit(int(code))
