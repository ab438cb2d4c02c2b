"""prometheus.yml of an environment: who is scraped, which rules are evaluated, where alerts go. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.catalogue import durations
from monitor.catalogue.model import Environment
from monitor.render.inhibitions import ENVIRONMENT_LABEL
from monitor.render.yaml_text import Value, document

ALERTMANAGER_JOB = "alertmanager"


def scrape_config(environment: Environment, rule_files: Sequence[str]) -> str:
    """The whole file; ``rule_files`` are paths or globs as Prometheus will see them."""
    scrape = durations.text(environment.scrape_interval)
    alertmanagers: list[Value] = [address for _, address in targets(environment, ALERTMANAGER_JOB)]
    return document(
        {
            "global": {
                "scrape_interval": scrape,
                "scrape_timeout": scrape,
                "evaluation_interval": durations.text(environment.evaluation_interval),
                "external_labels": {ENVIRONMENT_LABEL: environment.name},
            },
            "rule_files": list(rule_files),
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": alertmanagers}]}]},
            "scrape_configs": [_job(environment, job) for job in sorted(environment.targets)],
        }
    )


def targets(environment: Environment, job: str) -> tuple[tuple[str, str], ...]:
    """``(instance, address)`` of each target of a job; where no instance is named, the address is its name."""
    named = (target.partition("=") for target in environment.targets.get(job, ()))
    return tuple((name, address) if address else (name, name) for name, _, address in named)


def _job(environment: Environment, job: str) -> Value:
    return {
        "job_name": job,
        "static_configs": [
            {"targets": [address], "labels": {"instance": name}} for name, address in targets(environment, job)
        ],
    }
