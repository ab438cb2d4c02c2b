"""``monitor init``: write a catalogue to start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from monitor.catalogue.load import BUNDLED
from monitor.errors import InputError

COPIED = (
    "slos/*.yaml",
    "alerts/*.yaml",
    "environments/*.yaml",
    "inhibitions.yaml",
    "recovery.yaml",
    "drills.yaml",
    "contacts.yaml",
)
"""Everything that people write. Declared metrics stay with the programs that expose them; metrics/*.json adds more."""


@click.command("init")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def command(directory: Path) -> None:
    """Write a catalogue to start from into DIRECTORY, which must be new or empty."""
    if directory.exists() and any(directory.iterdir()):
        raise InputError(f"{directory} is not empty: choose a new directory, so that nothing of yours is overwritten")
    files = sorted(path for pattern in COPIED for path in BUNDLED.glob(pattern))
    try:
        for source in files:
            target = directory / source.relative_to(BUNDLED)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    except OSError as error:
        raise InputError(f"cannot write a catalogue to {directory}: {error.strerror}") from error
    click.echo(f"{len(files)} files in {directory}: change them, then `monitor --catalogue {directory} check`")
