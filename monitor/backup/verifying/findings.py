"""What is known so far in a verification; becomes its verdict."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitor import clock
from monitor.backup.model import Manifest, Outcome, Verification
from monitor.backup.verifying.prediction import Measured
from monitor.errors import Fault


@dataclass(slots=True)
class Findings:
    """``faults`` are what is wrong, ``reasons`` why something could not be found out, ``notes`` neither.

    ``told`` is what single steps tell of themselves, for the record.
    """

    faults: list[Fault] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    steps: dict[str, float] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    manifest: Manifest | None = None
    measured: Measured | None = None
    documents: int = 0
    expiring: frozenset[str] = frozenset()
    """Collections whose documents go by themselves, by age or by number."""

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add what a step takes, in seconds."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.steps[step] = self.steps.get(step, 0.0) + time.monotonic() - begun

    @property
    def outcome(self) -> Outcome:
        """Wrong beats unknown: one fault is enough."""
        if self.faults:
            return "failed"
        return "unknown" if self.reasons else "passed"

    def verdict(self, backup_id: str, store: str, at: datetime, seconds: float) -> Verification:
        """Return the verdict on a backup in a store, as of ``at``."""
        manifest = self.manifest
        return Verification(
            id=clock.new_id("verify", at),
            backup=backup_id,
            store=store,
            at=at,
            outcome=self.outcome,
            restore_seconds=None if self.measured is None else self.measured.restore_seconds,
            duration_seconds=seconds,
            bytes=manifest.bytes if manifest else 0,
            documents=self.documents,
            collections=len(manifest.collections) if manifest else 0,
            recovery_point=manifest.recovery_point.at if manifest else None,
            server_version=manifest.source.server_version if manifest else "",
            steps=self.steps,
            faults=tuple(self.faults),
            reason="; ".join(self.reasons),
            notes=tuple(self.notes),
            told=self.told,
        )
