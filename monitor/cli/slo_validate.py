"""``monitor slo validate``: hold OpenSLO files against OpenSLO v1. Needs no catalogue and no server."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.catalogue import openslo
from monitor.cli import leave, print_json
from monitor.errors import Exit


@click.command("validate")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in openslo.Mode]),
    default=openslo.Mode.STRICT.value,
    show_default=True,
    help="By whose word: that of OpenSLO's go-sdk (strict), or that of the specification (lenient).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one entry a file, in the order given.")
def command(files: tuple[Path, ...], mode: str, *, as_json: bool) -> None:
    """Hold OpenSLO v1 files against all that OpenSLO asks of its seven kinds.

    YAML and JSON; directories stand for the files in them. What one file refers to may stand in any other that is
    given. Exits 2 where anything is not valid.
    """
    results = openslo.validate(files, openslo.Mode(mode))
    broken = [result for result in results if result.violations]
    if as_json:
        print_json([result.to_json() for result in results])
    else:
        for result in broken:
            for found in result.violations:
                click.echo(_line(result.file, found))
        count = "1 file" if len(results) == 1 else f"{len(results)} files"
        click.echo(f"{count}, {len(broken)} not valid" if broken else f"{count}, all valid ({mode})")
    leave(Exit.WRONG_INPUT if broken else Exit.GOOD)


def _line(file: str, found: openslo.Violation) -> str:
    """``file: path: code: message``; what a terminal would obey instead of showing is written out."""
    parts = (file, found.path, found.code, found.message)
    line = ": ".join(part for part in parts if part)
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
