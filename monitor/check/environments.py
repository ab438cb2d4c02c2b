"""What an environment says of its servers fits them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.catalogue import durations
from monitor.catalogue.model import Catalogue, Place
from monitor.check.finding import Finding, finding
from monitor.check.routes import number

OLDEST = "2.42"
"""The first Prometheus that knows ``keep_firing_for`` (tried with promtool)."""


def unfit_environment(catalogue: Catalogue) -> Iterator[Finding]:
    """A Prometheus that would refuse the rules, and times that Alertmanager takes for others."""
    environment = catalogue.environment
    place = Place(file=f"environments/{environment.name}.yaml")
    if number(environment.prometheus_version) < number(OLDEST):
        message = f"Prometheus {environment.prometheus_version} does not read what is generated: the first is {OLDEST}"
        yield finding(place, "unsupported-prometheus", message, "run a newer one, and say so here")
    if environment.repeat_interval < environment.group_interval:
        repeat, group = map(durations.text, (environment.repeat_interval, environment.group_interval))
        message = f"repeat_interval {repeat} is shorter than group_interval {group}: Alertmanager waits for the longer"
        yield finding(place, "repeat-too-often", message, f"set it to {group} or more")
