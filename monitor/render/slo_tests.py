"""promtool tests of every SLO's rules, written from the SLO itself: what must fire, when, and what must not. Pure.

One file a horizon, because promtool evaluates all groups of a file at one interval: minutes, from made-up counters;
days and the SLO's own window, from made-up roll-ups at an hour and more; and the alerts alone. Native histograms can be
made up by newer promtools only: for an older one that file of minutes is left out, and ``monitor check`` says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, Slo
from monitor.render.pattern import YamlPattern, own_of
from monitor.render.rules import rule_groups, slo_alert_file, slo_file, slo_long_file, slo_sloth_file
from monitor.render.slo_checks import FOLDER
from monitor.render.slo_tests_alerts import alert_tests
from monitor.render.slo_tests_counted import counted_tests
from monitor.render.slo_tests_horizon import HOUR, day_tests, own_interval, own_tests, rollup_tests
from monitor.render.slo_tests_sloth import sloth_test
from monitor.render.yaml_text import Value, document
from monitor.slo import native
from monitor.slo.rules import sloth_group
from monitor.slo.stand_in import MOST_KEPT, StandIn, stand_in


def slo_tests(slo: Slo, environment: Environment) -> dict[str, str]:
    """The test files of an SLO, by path."""
    step = environment.evaluation_interval
    short, long = (rule_groups(slo, environment, long=long) for long in (False, True))
    counted, added_up, alerts = slo_file(slo), slo_long_file(slo), slo_alert_file(slo)
    files = {"-alerts": _alert_file(stand_in(slo), environment).of(own_of(slo))}
    if native.can_be_tested(slo, environment):
        files[""] = _file([counted, alerts], step, counted_tests(slo, environment), short)
    if days := tuple(day_tests(slo)):
        files["-days"] = _file([counted, added_up, alerts], HOUR, days, (*short[:-1], *long))
    rollups = rollup_tests(slo, environment)
    files["-rollups"] = _file([added_up], environment.rollup_interval, rollups, long[:-1])
    if aliases := sloth_group(slo, environment):
        tests = [sloth_test(slo, environment)]
        files["-sloth"] = _file([slo_sloth_file(slo)], environment.rollup_interval, tests, [aliases.name])
    if own := tuple(own_tests(slo, environment)):
        files["-window"] = _file([added_up, alerts], own_interval(slo), own, long)
    return {f"{FOLDER}/slo-{slo.name}{kind}.yml": text for kind, text in files.items()}


@lru_cache(maxsize=MOST_KEPT)
def _alert_file(slo: StandIn, environment: Environment) -> YamlPattern:
    return YamlPattern(_file([slo_alert_file(slo)], environment.evaluation_interval, alert_tests(slo, environment)))


def _file(files: list[str], interval: timedelta, tests: Iterable[Value], order: Iterable[str] = ()) -> str:
    head: dict[str, Value] = {
        "rule_files": [f"../{file.removeprefix('rules/')}" for file in files],
        "evaluation_interval": durations.text(interval),
    }
    if order:
        head["group_eval_order"] = list(order)
    return document(head | {"tests": list(tests)})
