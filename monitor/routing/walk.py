"""Where one alert goes, and why: each route that is tried, who is notified, what mutes it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.routing.config import Config, InhibitRule, Route
from monitor.routing.intervals import contains
from monitor.routing.matchers import Matcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One route that was tried, in Alertmanager's order."""

    route: Route
    depth: int
    failed: tuple[Matcher, ...] = ()
    """Which of its matchers the alert does not fulfil; none: it matched."""
    delivers: bool = False
    """It matched, and no route below it did: its receiver is notified."""

    @property
    def matched(self) -> bool:
        """Whether the alert fulfils all of its matchers."""
        return not self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One receiver that is notified, unless it is muted at that time."""

    route: Route
    muted_by: tuple[str, ...] = ()
    """Mute times that hold then."""
    waits_for: tuple[str, ...] = ()
    """Active times, none of which holds then."""

    @property
    def muted(self) -> bool:
        """Whether nobody is notified by it at that time."""
        return bool(self.muted_by or self.waits_for)


def steps(route: Route, labels: Mapping[str, str]) -> tuple[Step, ...]:
    """Every route that Alertmanager tries for an alert, the root first."""
    return tuple(_try(route, labels, 0)[0])


def _try(route: Route, labels: Mapping[str, str], depth: int) -> tuple[list[Step], bool]:
    failed = tuple(matcher for matcher in route.matchers if not matcher.matches(labels))
    if failed:
        return [Step(route=route, depth=depth, failed=failed)], False
    below: list[Step] = []
    delivered = False
    for child in route.routes:
        tried, matched = _try(child, labels, depth + 1)
        below += tried
        delivered |= matched
        if matched and not child.goes_on:
            break
    return [Step(route=route, depth=depth, delivers=not delivered), *below], True


def deliveries(config: Config, labels: Mapping[str, str], at: datetime) -> tuple[Delivery, ...]:
    """Whom an alert is sent to, each with what mutes it at a time."""
    return tuple(delivery(config, step.route, at) for step in steps(config.route, labels) if step.delivers)


def delivery(config: Config, route: Route, at: datetime) -> Delivery:
    """A route's receiver, with what mutes it at a time."""
    muted_by = tuple(name for name in route.mute if contains(config.time_intervals[name], at))
    holds = any(contains(config.time_intervals[name], at) for name in route.active)
    return Delivery(route=route, muted_by=muted_by, waits_for=() if holds else route.active)


def inhibited_by(config: Config, labels: Mapping[str, str]) -> tuple[InhibitRule, ...]:
    """The rules that mute such an alert while something else fires."""
    return tuple(rule for rule in config.inhibit_rules if _all(rule.target, labels))


def mutes(rule: InhibitRule, source: Mapping[str, str], target: Mapping[str, str]) -> bool:
    """Whether one alert, while it fires, mutes another by a rule: as Alertmanager judges it.

    A label that both lack counts as equal; and what is both source and target is muted only by what is source alone.
    """
    if not _all(rule.source, source) or not _all(rule.target, target):
        return False
    if _all(rule.source, target) and _all(rule.target, source):
        return False
    return all(source.get(label, "") == target.get(label, "") for label in rule.equal)


def _all(matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> bool:
    return all(matcher.matches(labels) for matcher in matchers)


def routes(route: Route) -> Iterator[Route]:
    """A route and every one below it, in the order of the file."""
    yield route
    for child in route.routes:
        yield from routes(child)
