"""What an environment says of its servers fits them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monitor.catalogue import durations
from monitor.catalogue.model import Catalogue, Place
from monitor.catalogue.receivers import CONSOLE
from monitor.check.finding import Finding, finding
from monitor.check.routes import number
from monitor.render.alertmanager import people

OLDEST = "2.42"
"""The first Prometheus that knows ``keep_firing_for`` (tried with promtool)."""

RESEND = timedelta(minutes=1)
"""How long Prometheus waits at least until it repeats an alert (its ``--rules.alert.resend-delay``), one that is over
included: those it repeats for a quarter of an hour."""


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
    # An end is repeated at the first evaluation after the minute; one more, for none keeps its time to the second.
    needed = RESEND + 2 * environment.evaluation_interval
    if environment.group_interval < needed and any(set(names) - {CONSOLE} for names in people(catalogue).values()):
        group, least = map(durations.text, (environment.group_interval, needed))
        message = (
            f"group_interval {group} is shorter than Prometheus takes to repeat an end: where two alerts of a group "
            "are over and a third goes on, people are told of both ends each minute, for a quarter of an hour"
        )
        yield finding(place, "ends-repeated", message, f"set it to {least} or more")
