"""The keys that verification opens with: the escrowed copies, never those of the host that writes backups.

A backup that only its own host can open is lost with that host.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from monitor.errors import SettingsError
from monitor.settings import Settings


def escrowed(settings: Settings) -> Settings:
    """Return the settings with the escrowed keyset in the place of the live one; with none, where none is set.

    Raises:
        SettingsError: the escrow copy is the live keyset itself.
    """
    live, escrow = settings.backup_keyset_file, settings.escrow_keyset_file
    if live is not None and escrow is not None and _same(live, escrow):
        raise SettingsError(
            f"escrow_keyset_file is backup_keyset_file itself ({escrow}): `monitor backup keys escrow` writes a copy, "
            "to be kept where this host's loss does not reach"
        )
    return replace(settings, backup_keyset_file=escrow)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        # One of them cannot be read, which reading it will say.
        return one.absolute() == other.absolute()
