"""Promises about recovery that can hold together."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from monitor.catalogue import durations
from monitor.catalogue.model import Catalogue, Place, ThresholdSli
from monitor.check.finding import Finding, finding

RPO_METRIC = "dr_rpo_seconds"


def impossible_rpo(catalogue: Catalogue) -> Iterator[Finding]:
    """An RPO that backups are too rare for, or that is written differently in two places."""
    recovery = catalogue.recovery
    if recovery is None:
        return
    rpo, every = durations.text(recovery.rpo), durations.text(recovery.full_backup_every)
    if recovery.full_backup_every >= recovery.rpo:
        message = (
            f"RPO {rpo} cannot hold with a backup every {every}: at worst as much is lost as lies between two backups"
        )
        yield finding(
            Place(file="recovery.yaml"), "rpo", message, "back up at least twice within the RPO, or promise less"
        )
    for slo in catalogue.slos:
        if isinstance(slo.sli, ThresholdSli) and RPO_METRIC in slo.sli.query:
            promised = Decimal(int(recovery.rpo.total_seconds()))
            if slo.sli.value != promised:
                message = (
                    f"{slo.name} is held against {slo.sli.value} s, and recovery.yaml promises {promised} s ({rpo})"
                )
                yield finding(slo.place, "rpo", message, "write the same in both")
