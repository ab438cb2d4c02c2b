"""Promises about recovery that can hold together."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import promql_parser as ql

from monitor.catalogue import durations, promql
from monitor.catalogue.model import AlertRule, Catalogue, Place, Recovery, ThresholdSli
from monitor.check.finding import Finding, finding

RPO_METRIC = "dr_rpo_seconds"
AGE_METRICS = frozenset({"dr_recovery_point_timestamp_seconds", "dr_backup_last_success_timestamp_seconds"})
"""Alerts that hold ``time()`` minus one of these against a number say when a backup is late."""


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
    for group in catalogue.alerts:
        for rule in group.rules:
            yield from _misjudged_age(rule, recovery)


def _misjudged_age(rule: AlertRule, recovery: Recovery) -> Iterator[Finding]:
    """An alert that calls a backup late before it is due, or only after the RPO is broken."""
    rpo, every = recovery.rpo.total_seconds(), recovery.full_backup_every.total_seconds()
    for limit in _age_limits(promql.parse(rule.expr)):
        if limit > rpo:
            message = f"{rule.name} waits until {limit:g} s, and the RPO of recovery.yaml ({rpo:g} s) is broken by then"
            yield finding(rule.place, "rpo", message, "alert at the RPO at the latest")
        elif limit < every:
            message = f"{rule.name} fires at {limit:g} s, and recovery.yaml has a full backup every {every:g} s only"
            yield finding(rule.place, "rpo", message, "alert after full_backup_every, or back up more often")


def _age_limits(expr: ql.Expr) -> Iterator[float]:
    """The numbers, in seconds, that the age of a backup is held against."""
    if isinstance(expr, ql.ParenExpr):
        yield from _age_limits(expr.expr)
    elif isinstance(expr, ql.BinaryExpr):
        if str(expr.op) in {">", ">="} and isinstance(expr.rhs, ql.NumberLiteral):
            if any(selector.name in AGE_METRICS for selector in promql.selectors(expr.lhs)):
                yield expr.rhs.val
        else:
            yield from _age_limits(expr.lhs)
            yield from _age_limits(expr.rhs)
