"""The monitor's own state: SQLite's online backup, while others go on writing."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from monitor.backup.configuration.model import Missing, Part

NAME = "state/monitor.db"


def state(path: Path) -> Iterator[Part | Missing]:
    """Copy the database as of one moment, and look whether the copy is whole."""
    if not path.exists():
        yield Missing(name=NAME, reason=f"{path} is not there")
        return
    try:
        with tempfile.TemporaryDirectory(prefix="monitor-state-") as folder:
            copy = Path(folder) / "monitor.db"
            source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
            target = sqlite3.connect(copy)
            try:
                source.backup(target)
                (verdict,) = target.execute("PRAGMA quick_check").fetchone()
            finally:
                target.close()
                source.close()
            if verdict != "ok":
                yield Missing(name=NAME, reason="the copy does not pass quick_check: the state file is damaged")
                return
            yield Part(name=NAME, content=copy.read_bytes())
    except (sqlite3.Error, OSError) as error:
        yield Missing(name=NAME, reason=f"{path} cannot be copied ({type(error).__name__})")
