"""Runbooks as they lie in a directory, for the commands that judge them."""

from __future__ import annotations

from pathlib import Path

from monitor.catalogue.strict_yaml import read_text
from monitor.errors import CatalogueError, Fault
from monitor.render.runbooks import FOLDER


def pages(folder: Path) -> dict[str, str] | None:
    """Every runbook of a directory by its path; ``None`` where there is no such directory."""
    if not folder.is_dir():
        return None
    read = {f"{FOLDER}/{path.name}": read_text(path, str(path)) for path in sorted(folder.glob("[A-Z]*.md"))}
    if faults := tuple(page for page in read.values() if isinstance(page, Fault)):
        raise CatalogueError(faults)
    return {path: page for path, page in read.items() if not isinstance(page, Fault)}
