"""What the commands around the backup of MongoDB share."""

from __future__ import annotations

from monitor.catalogue.load import load
from monitor.catalogue.model import Recovery
from monitor.errors import InputError
from monitor.settings import Settings


def recovery_of(settings: Settings) -> Recovery:
    """Return the catalogue's recovery.yaml.

    Raises:
        InputError: there is none.
    """
    recovery = load(settings.catalogue, settings.environment).recovery
    if recovery is None:
        raise InputError("the catalogue has no recovery.yaml")
    return recovery
