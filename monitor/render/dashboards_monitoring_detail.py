"""What Prometheus itself does and costs. Pure."""

from __future__ import annotations

from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import RATE
from monitor.render.dashboards_style import YES, below

JOB = 'job=~"$job"'


def prometheus() -> tuple[Panel, ...]:
    """Its memory, disk and rules."""
    return (
        Panel(
            title="How much disk do samples take?",
            text=(
                "Blocks of samples on disk. Good is a slope that ends when the retention is reached; plan for that "
                "level, for a fifth more while blocks are merged, and for the write-ahead log of the newest hours."
            ),
            unit="bytes",
            queries=(Query("max(prometheus_tsdb_storage_blocks_bytes)", "blocks"),),
        ),
        Panel(
            title="How many samples come in?",
            text=(
                "Samples per second that are stored, recorded ones included. Good is level; it is what disk and "
                "processor time are spent on."
            ),
            unit="short",
            queries=(Query(f"sum(rate(prometheus_tsdb_head_samples_appended_total[{RATE}]))", "samples"),),
        ),
        Panel(
            title="How many series are new?",
            text=(
                "Series created per second. Good is near zero but for restarts; a lasting rate is churn, a label whose "
                "values are used once and never again."
            ),
            unit="short",
            queries=(Query(f"sum(rate(prometheus_tsdb_head_series_created_total[{RATE}]))", "created"),),
        ),
        Panel(
            title="Which rule groups take longest?",
            text=(
                "Last evaluation of the ten slowest rule groups. Good is all far below the evaluation interval; the "
                "first of them is what to simplify, or to evaluate less often."
            ),
            kind="bars",
            unit="s",
            queries=(
                Query(
                    "sort_desc(topk(10, max by (group) (label_replace("
                    'prometheus_rule_group_last_duration_seconds, "group", "$1", "rule_group", ".*;(.*)"))))',
                    "{{group}}",
                ),
            ),
            steps=below(5, warn=1),
        ),
        Panel(
            title="Are rule evaluations skipped?",
            text=(
                "Rule evaluations per second that were due and not begun, because the one before had not ended. Good "
                "is zero: each is a moment in which nobody looked."
            ),
            unit="ops",
            queries=(Query(f"sum(rate(prometheus_rule_group_iterations_missed_total[{RATE}]))", "missed"),),
            steps=below(0.001),
        ),
        Panel(
            title="Are scrapes or samples thrown away?",
            text=(
                "Scrapes given up because a page was too large, and samples refused because of their time, per "
                "second. Good is zero: what is thrown away is missing from graphs and alerts, and nothing else says "
                "so."
            ),
            unit="ops",
            queries=(
                Query(
                    f"sum(rate(prometheus_target_scrapes_exceeded_sample_limit_total[{RATE}]))"
                    f" + sum(rate(prometheus_target_scrapes_exceeded_body_size_limit_total[{RATE}]))",
                    "pages too large",
                ),
                Query(
                    f"sum(rate(prometheus_target_scrapes_sample_out_of_order_total[{RATE}]))"
                    f" + sum(rate(prometheus_target_scrapes_sample_duplicate_timestamp_total[{RATE}]))"
                    f" + sum(rate(prometheus_target_scrapes_sample_out_of_bounds_total[{RATE}]))",
                    "samples refused",
                ),
            ),
            steps=below(0.001),
        ),
        Panel(
            title="Does Prometheus's storage fail?",
            width=12,
            text=(
                "Compactions, checkpoints and truncations that failed, per second. Good is zero; otherwise the disk "
                "is full or broken, and history will be lost at the next restart."
            ),
            unit="ops",
            queries=(
                Query(
                    f"sum(rate(prometheus_tsdb_compactions_failed_total[{RATE}]))"
                    f" + sum(rate(prometheus_tsdb_reloads_failures_total[{RATE}]))",
                    "blocks",
                ),
                Query(
                    f"sum(rate(prometheus_tsdb_checkpoint_creations_failed_total[{RATE}]))"
                    f" + sum(rate(prometheus_tsdb_head_truncations_failed_total[{RATE}]))",
                    "write-ahead log",
                ),
            ),
            steps=below(0.001),
        ),
        Panel(
            title="Did Prometheus take its configuration?",
            width=12,
            text=(
                "Whether the last configuration could be loaded, and no write-ahead log is damaged. Good is 1 and 0; "
                "otherwise rules or targets that you changed are not in effect."
            ),
            queries=(
                Query("min(prometheus_config_last_reload_successful)", "loaded"),
                Query(f"sum(increase(prometheus_tsdb_wal_corruptions_total[{RATE}]))", "damaged logs"),
            ),
            steps=YES,
        ),
    )
