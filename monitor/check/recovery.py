"""Promises about recovery that can hold together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import promql_parser as ql

from monitor.catalogue import durations, promql
from monitor.catalogue.model import AlertRule, Catalogue, Place, Recovery, ThresholdSli
from monitor.check.finding import Finding, finding

RPO_METRIC = "dr_rpo_seconds"
POINT_METRIC = "dr_recovery_point_timestamp_seconds"
BACKUP_METRIC = "dr_backup_last_success_timestamp_seconds"
"""Alerts that hold ``time()`` minus one of these against a number say when a recovery point or a backup is late."""
BESIDE_CAPTURE = timedelta(seconds=60)
"""What a recovery point may be older than ``capture_every``: an idle server writes each 10 s, and an election, the way
into the store and the scrape come on top."""


def impossible_rpo(catalogue: Catalogue) -> Iterator[Finding]:
    """An RPO that captures are too rare for, or that is written differently in two places."""
    recovery = catalogue.recovery
    if recovery is None:
        return
    rpo, every = durations.text(recovery.rpo), durations.text(recovery.capture_every)
    if recovery.rpo < recovery.capture_every + BESIDE_CAPTURE:
        message = (
            f"RPO {rpo} cannot hold with the oplog captured every {every}: at worst as much is lost as lies between "
            "two captures, and a minute for an election, the way into the store and the scrape"
        )
        yield finding(Place(file="recovery.yaml"), "rpo", message, "capture more often, or promise less")
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
    """An alert that calls a backup or recovery point late before it is due, or only after a promise is broken."""
    rpo, every = recovery.rpo.total_seconds(), recovery.full_backup_every.total_seconds()
    least = (recovery.capture_every + BESIDE_CAPTURE).total_seconds()
    for metric, limit in _age_limits(promql.parse(rule.expr)):
        if metric == POINT_METRIC and limit > rpo:
            message = f"{rule.name} waits until {limit:g} s, and the RPO of recovery.yaml ({rpo:g} s) is broken by then"
            yield finding(rule.place, "rpo", message, "alert at the RPO at the latest")
        elif metric == POINT_METRIC and limit < least:
            message = f"{rule.name} fires at {limit:g} s, and a recovery point is {least:g} s old at times"
            yield finding(rule.place, "rpo", message, "alert later, or lower capture_every")
        elif metric == BACKUP_METRIC and limit < every:
            message = f"{rule.name} fires at {limit:g} s, and recovery.yaml has a full backup every {every:g} s only"
            yield finding(rule.place, "rpo", message, "alert after full_backup_every, or back up more often")
        elif metric == BACKUP_METRIC and limit >= 2 * every:
            message = f"{rule.name} waits until {limit:g} s, and by then two backups of {every:g} s were missed"
            yield finding(rule.place, "rpo", message, "alert before two full_backup_every have passed")


def _age_limits(expr: ql.Expr) -> Iterator[tuple[str, float]]:
    """The numbers, in seconds, that the age of a recovery point or a full backup is held against, with the metric."""
    if isinstance(expr, ql.ParenExpr):
        yield from _age_limits(expr.expr)
    elif isinstance(expr, ql.BinaryExpr):
        if str(expr.op) in {">", ">="} and isinstance(expr.rhs, ql.NumberLiteral):
            for metric in {str(selector.name) for selector in promql.selectors(expr.lhs) if _tells_age(selector)}:
                yield metric, expr.rhs.val
        else:
            yield from _age_limits(expr.lhs)
            yield from _age_limits(expr.rhs)


def _tells_age(selector: ql.VectorSelector) -> bool:
    """Whether it is of recovery points, or of full backups: others have a schedule of their own."""
    of_full = any(matcher.name == "type" and matcher.value == "full" for matcher in selector.matchers.matchers)
    return selector.name == POINT_METRIC or (selector.name == BACKUP_METRIC and of_full)
