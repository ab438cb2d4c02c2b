"""What Alertmanager accepts in any configuration, and what does nothing there, or too much. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.check import routes
from monitor.check.finding import Finding
from monitor.routing import walk
from monitor.routing.config import Config, InhibitRule
from monitor.routing.reach import Reach

HOW_BAD = frozenset({"severity"})
"""Labels that say how bad it is, and nothing of what."""


def unfit_configuration(config: Config, judged: tuple[Reach, ...], file: str) -> Iterator[Finding]:
    """Dead, muted and loud routes (``judged`` are all), receivers of nothing, inhibitions of everything or nothing."""
    yield from (routes.dead_route(reach, file) for reach in routes.dead(judged))
    yield from routes.muted(config, file)
    yield from routes.loud(config, file)
    named = {route.receiver for route in walk.routes(config.route)}
    for receiver in config.receivers.values():
        if receiver.name not in named:
            message = f"no route leads to receiver {receiver.name}"
            yield Finding(
                file=file, line=receiver.line, code="dead-route", message=message, remedy="lead one there, or remove it"
            )
    for rule in config.inhibit_rules:
        yield from _inhibition(rule, file)


def _inhibition(rule: InhibitRule, file: str) -> Iterator[Finding]:
    if set(rule.source) == set(rule.target):
        message = "the inhibition mutes nothing: what matches both its sides mutes nothing that does as well"
        yield Finding(
            file=file, line=rule.line, code="inhibits-nothing", message=message, remedy="tell both sides apart"
        )
    elif not rule.equal and {one.name for one in (*rule.source, *rule.target)} <= HOW_BAD:
        source, target = (", ".join(map(str, side)) or "every alert" for side in (rule.source, rule.target))
        message = f"while anything is {source}, whatever is {target} is muted anywhere: nothing must be equal"
        remedy = "list in equal the labels of one incident (alertname, instance)"
        yield Finding(file=file, line=rule.line, code="empty-equal", message=message, remedy=remedy)
