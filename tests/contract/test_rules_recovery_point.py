"""Which copy the RPO is held against: the one that outlives the primary site, and none in its place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

RULES = Path(__file__).parents[2] / "rules" / "prometheus" / "slo-recovery-point-age.yml"
LOCAL, OFFSITE = 'dr_rpo_seconds{copy="local"}', 'dr_rpo_seconds{copy="offsite"}'
CONFIGURED = "dr_offsite_configured"

CASES = {
    "only here, and young": ({LOCAL: 30, CONFIGURED: 0}, 0),
    "only here, and too old": ({LOCAL: 4000, CONFIGURED: 0}, 1),
    "the copy lags": ({LOCAL: 30, OFFSITE: 4000, CONFIGURED: 1}, 1),
    "the copy is young, what is here would be lost anyway": ({LOCAL: 4000, OFFSITE: 30, CONFIGURED: 1}, 0),
    "a copy that is meant to be was never seen": ({LOCAL: 30, CONFIGURED: 1}, None),
    "nothing is known": ({CONFIGURED: 0}, None),
}


def test_the_rpo_is_held_against_the_copy_that_outlives_the_site(tmp_path: Path) -> None:
    query = 'max(slo:events_bad:delta{slo="recovery-point-age"} > bool 0)'
    tests = [
        {
            "name": name,
            "interval": "15s",
            "input_series": [{"series": one, "values": f"{value}x20"} for one, value in series.items()],
            "promql_expr_test": [
                {
                    "expr": query,
                    "eval_time": "4m",
                    "exp_samples": [] if bad is None else [{"labels": "{}", "value": bad}],
                }
            ],
        }
        for name, (series, bad) in CASES.items()
    ]
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": tests}))
    command: list[str | Path] = ["promtool", "test", "rules", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
