"""Several alerts of one name, told apart by their labels, as those of the mixins that burn over several windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue
from monitor.render import inhibitions, runbooks
from monitor.render.alert_tests import alert_tests
from tests.catalogue_files import lay_out

RULES = [("critical", "1h", "14.4"), ("critical", "6h", "6"), ("warning", "1d", "3")]
TESTS = """
tests:
  - name: it burns over six hours
    interval: 30s
    input_series:
      - series: api:burn_rate{cluster="a",window="6h"}
        values: "7x60"
    alert_rule_test:
      - alertname: ApiBurns
        eval_time: 20m
        exp_alerts:
          - exp_labels: {severity: critical, long: 6h, cluster: a, team: sre}
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    root = lay_out(tmp_path)
    (root / "alerts").mkdir(exist_ok=True)
    rules: list[dict[str, Any]] = [
        {
            "alert": "ApiBurns",
            "expr": f'sum by (cluster) (api:burn_rate{{window="{long}"}}) > {limit}',
            "labels": {"severity": severity, "long": long},
            "annotations": {"summary": f"Too fast over {long}."},
        }
        for severity, long, limit in RULES
    ]
    (root / "alerts" / "api.yaml").write_text(yaml.safe_dump({"groups": [{"name": "api", "rules": rules}]}))
    (root / "alerts" / "api.test.yaml").write_text(TESTS)
    return load(root, "local")


def test_a_test_is_completed_from_the_rule_whose_labels_it_expects(catalogue: Catalogue) -> None:
    (case,) = yaml.safe_load(alert_tests(catalogue)["rules/tests/alerts-api.yml"])["tests"][0]["alert_rule_test"]
    (expected,) = case["exp_alerts"]
    assert expected["exp_annotations"]["summary"] == "Too fast over 6h."


def test_the_graver_ones_mute_the_milder_once_and_not_one_another(catalogue: Catalogue) -> None:
    of_both: list[Any] = [one for one in inhibitions.rules(catalogue) if "ApiBurns" in str(one)]
    assert of_both == [
        {
            "source_matchers": ['alertname="ApiBurns"', 'severity="critical"'],
            "target_matchers": ['alertname="ApiBurns"', 'severity="warning"'],
            "equal": ["cluster", "drill", "environment"],
        }
    ]


def test_their_page_shows_each_condition(catalogue: Catalogue) -> None:
    head = runbooks.heads(catalogue)["runbooks/ApiBurns.md"]
    assert [f'window="{long}"' in head for _, long, _ in RULES] == [True, True, True]
