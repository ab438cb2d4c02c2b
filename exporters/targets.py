"""More systems than one: a TOML file with a table for each, in the words of the settings file.

::

    [orders-db]
    mongodb_uri = "mongodb://db-1:27017,db-2:27017/?replicaSet=rs0"
    mongodb_username = "exporters"
    mongodb_password_file = "/run/secrets/orders-db"

    [cache]
    redis_uri = "redis://cache:6379"
    collect = ["redis"]

A table inherits nothing, so that no target's password is ever sent to another. What reads the exporters' own machine,
and the business figures, run for a target only where its ``collect`` names them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from exporters.credentials import parted
from exporters.settings import OF_THE_PROCESS, Settings, SettingsError
from exporters.structure import read_toml, structure

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def read(file: Path | None) -> dict[str, Settings]:
    """Return the settings of each target, by its name; without a file there are none.

    Raises:
        SettingsError: the file cannot be used; every fault is named, each on a line with its target and field.
    """
    found: dict[str, Settings] = {}
    faults: list[str] = []
    for name, table in (read_toml(file) if file else {}).items():
        try:
            found[name] = _target(name, table)
        except SettingsError as error:
            faults += [f"{file}: [{name}]: {fault}" for fault in str(error).splitlines()]
    if faults:
        raise SettingsError("\n".join(faults))
    return found


def _target(name: str, table: object) -> Settings:
    if not isinstance(table, Mapping):
        raise SettingsError("stands outside any table: a target is a table such as [orders-db]")
    faults = [f"{field} belongs to the whole process, not to a target" for field in sorted(OF_THE_PROCESS & set(table))]
    if not _NAME.fullmatch(name):
        faults.append("a target's name has letters, digits and . _ : - only, 100 at most")
    try:
        settings = structure(
            parted({field: value for field, value in table.items() if field not in OF_THE_PROCESS}), Settings
        )
    except SettingsError as error:
        raise SettingsError("\n".join((*faults, str(error)))) from None
    if faults:
        raise SettingsError("\n".join(faults))
    return settings
