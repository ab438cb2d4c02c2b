"""Files that lie in a folder, for the commands that judge them: runbooks, dashboards."""

from __future__ import annotations

from pathlib import Path

from monitor.catalogue.strict_yaml import read_text
from monitor.errors import CatalogueError, Fault, InputError
from monitor.render.runbooks import FOLDER as RUNBOOKS

DASHBOARDS = "dashboards"
PROCEDURES = "procedures"


def runbooks(folder: Path | None) -> dict[str, str] | None:
    """Every page by its path, of the folder that was named or the usual one, procedures too; ``None`` without a folder.

    Raises:
        InputError: the folder that was named is not there.
    """
    if folder is not None and not folder.is_dir():
        raise InputError(f"--runbooks: {folder} is no directory: give the one that holds the runbooks")
    place = folder or Path(RUNBOOKS)
    pages = texts(place, "[A-Z]*.md", RUNBOOKS)
    if pages is None:
        return None
    return pages | (texts(place / PROCEDURES, "*.md", f"{RUNBOOKS}/{PROCEDURES}") or {})


def dashboards(folder: Path, name: str = DASHBOARDS) -> dict[str, str] | None:
    """Every dashboard by its path; ``None`` where there is no such folder."""
    return texts(folder, "*.json", name)


def named_dashboards(folder: Path) -> dict[str, str]:
    """Every dashboard of a folder that somebody named: there is one, and dashboards are in it.

    Raises:
        InputError: there is none.
    """
    if found := dashboards(folder, folder.name):
        return found
    raise InputError(f"--dashboards: {folder} {_WHY_NOTHING[folder.is_dir()]}: give the folder that holds *.json")


_WHY_NOTHING = {True: "holds no dashboards", False: "is no directory"}


def texts(folder: Path, pattern: str, name: str) -> dict[str, str] | None:
    """The files of a folder as ``<name>/<file>`` -> text; ``None`` where there is no such folder.

    Raises:
        CatalogueError: a file cannot be read.
    """
    if not folder.is_dir():
        return None
    found = {f"{name}/{path.name}": read_text(path, str(path)) for path in sorted(folder.glob(pattern))}
    if faults := tuple(text for text in found.values() if isinstance(text, Fault)):
        raise CatalogueError(faults)
    return {path: text for path, text in found.items() if not isinstance(text, Fault)}
