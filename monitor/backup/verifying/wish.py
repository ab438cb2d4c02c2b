"""What a verification is asked for, and what it needs for that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.backup.backup_store import BackupStore
from monitor.backup.oplog.point import Target
from monitor.backup.progress import ShowProgress, quiet
from monitor.backup.verifying.findings import Findings
from monitor.catalogue.model import Recovery
from monitor.settings import Settings
from monitor.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which backup, restored to which instant; the newest, as it was taken, where nothing is said.

    ``by_chance``: both are chosen by the ``seed``, or by one that is made.
    """

    backup: str | None = None
    at: Target | None = None
    by_chance: bool = False
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every step of a verification works with. ``home`` opens what is sealed with the escrowed keys alone."""

    settings: Settings
    home: BackupStore
    findings: Findings
    scratch_dir: Path
    recovery: Recovery | None = None
    store: Store | None = None
    progress: ShowProgress = quiet
