"""promtool tests of every SLO's rules, written from the SLO itself: what must fire, when, and what must not. Pure.

One file a horizon, because promtool evaluates all groups of a file at one interval: minutes, from made-up counters;
days and the SLO's own window, from made-up roll-ups at an hour and more; and the alerts alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, Slo
from monitor.render.rules import rule_groups, slo_alert_file, slo_file, slo_long_file
from monitor.render.slo_checks import FOLDER
from monitor.render.slo_tests_alerts import alert_tests
from monitor.render.slo_tests_counted import counted_tests
from monitor.render.slo_tests_horizon import HOUR, day_tests, own_interval, own_tests, rollup_tests
from monitor.render.yaml_text import Value, document


def slo_tests(slo: Slo, environment: Environment) -> dict[str, str]:
    """The test files of an SLO, by path."""
    step = environment.evaluation_interval
    short, long = (rule_groups(slo, environment, long=long) for long in (False, True))
    counted, added_up, alerts = slo_file(slo), slo_long_file(slo), slo_alert_file(slo)
    files = {
        "": _file([counted, alerts], step, counted_tests(slo, environment), short),
        "-alerts": _file([alerts], step, alert_tests(slo, environment)),
    }
    if days := tuple(day_tests(slo)):
        files["-days"] = _file([counted, added_up, alerts], HOUR, days, (*short[:-1], *long))
    rollups = rollup_tests(slo, environment)
    files["-rollups"] = _file([added_up], environment.rollup_interval, rollups, long[:-1])
    if own := tuple(own_tests(slo, environment)):
        files["-window"] = _file([added_up, alerts], own_interval(slo), own, long)
    return {f"{FOLDER}/slo-{slo.name}{kind}.yml": text for kind, text in files.items()}


def _file(files: list[str], interval: timedelta, tests: Iterable[Value], order: Iterable[str] = ()) -> str:
    head: dict[str, Value] = {
        "rule_files": [f"../{file.removeprefix('rules/')}" for file in files],
        "evaluation_interval": durations.text(interval),
    }
    if order:
        head["group_eval_order"] = list(order)
    return document(head | {"tests": list(tests)})
