"""``monitor backup keys``: make, rotate and escrow the keys that backups are sealed with."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.addresses import bucket
from monitor.backup.keys import Keyset
from monitor.cli import Context, pass_settings
from monitor.errors import InputError, SettingsError
from monitor.settings import Settings


@click.group()
def keys() -> None:
    """Make and look after the keys that backups are sealed with."""


_kms_option = click.option(
    "--kms-key",
    metavar="URI",
    default="",
    help="Have the file sealed by this key of a service (aws-kms://ARN); who asks is set as AWS's tools have it.",
)


@keys.command()
@click.option("--out", type=click.Path(path_type=Path), help="Where to (default: backup_keyset_file).")
@_kms_option
@pass_settings
def create(context: Context, out: Path | None, kms_key: str) -> None:
    """Make a keyset; a file that is there already stays as it is."""
    file = out or _file(context.settings)
    _refuse_the_store(context.settings, file)
    keyset = Keyset.create(kms_key)
    keyset.write(file)
    click.echo(
        f"key {keyset.primary} made in {file}: who loses it loses every backup sealed with it. "
        "`monitor backup keys escrow --out FILE` writes a copy to be kept elsewhere"
    )


@keys.command()
@pass_settings
def rotate(context: Context) -> None:
    """Add a key that seals from now on; the older ones still open what they sealed."""
    file = _file(context.settings)
    keyset = Keyset.read(file).rotated()
    keyset.write(file, replace=True)
    click.echo(f"key {keyset.primary} seals from now on, {len(keyset.ids)} keys open: renew the escrow copy")


@keys.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A file that is not there yet.")
@_kms_option
@pass_settings
def escrow(context: Context, out: Path, kms_key: str) -> None:
    """Write a copy of the keyset, to be kept where neither backups nor databases are.

    Whatever the keyset's own file is sealed with, the copy is plain unless --kms-key names a key: one that is lost
    together with this site opens nothing afterwards.
    """
    file = _file(context.settings)
    _refuse_the_store(context.settings, out)
    keyset = Keyset.read(file).sealed_with(kms_key)
    keyset.write(out)
    if Keyset.read(out).ids != keyset.ids:
        raise InputError(f"{out} does not read as it was written: is its medium good?")
    click.echo(f"{len(keyset.ids)} keys written to {out}: take it away from this machine, `verify --keyset` tries it")


def _file(settings: Settings) -> Path:
    if settings.backup_keyset_file is None:
        raise SettingsError("backup_keyset_file is not set: which file holds the keys?")
    return settings.backup_keyset_file


def _refuse_the_store(settings: Settings, file: Path) -> None:
    """A key beside what it opens seals nothing."""
    for place in (settings.backup_store or str(settings.backups), settings.offsite_store):
        local = place and bucket("backup_store", place) is None
        if local and file.absolute().resolve().is_relative_to(Path(place).absolute().resolve()):
            raise InputError(f"{file} lies in the backup store {place}: keys must not be where the backups are")
