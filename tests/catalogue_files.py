"""A small catalogue of somebody's own, for tests that spoil it, and what the loader says to that."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.catalogue.load import load
from monitor.errors import CatalogueError

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow:
    - duration: 28d
      isRolling: true
  objectives:
    - target: 0.99
  indicator:
    metadata:
      name: checkout
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource:
            spec:
              query: sum(shop_failures_total)
        total:
          metricSource:
            spec:
              query: sum(shop_requests_total) + sum(shop_calls_total{kind="x"})
"""

ALERTS = """\
groups:
  - name: shop
    rules:
      - alert: ShopDown
        expr: up == 0
        labels: {severity: warning}
        annotations: {summary: s, impact: i, action: a}
"""


def lay_out(tmp_path: Path) -> Path:
    """One SLO in a folder of its own."""
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "checkout.yaml").write_text(SLO)
    return tmp_path


def codes(root: Path) -> list[tuple[str, int, str]]:
    with pytest.raises(CatalogueError) as caught:
        load(root, "local")
    return [(fault.file, fault.line, fault.path) for fault in caught.value.faults]
