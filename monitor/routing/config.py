"""``alertmanager.yml`` as values, with the line of each route: what is needed to say where an alert goes. Pure.

Not a second ``amtool check-config``: settings of receivers are passed by, and what is unknown is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from monitor.catalogue.naming import is_time_zone
from monitor.errors import CatalogueError, Fault
from monitor.routing import intervals, matchers
from monitor.routing.intervals import Interval, Spans
from monitor.routing.matchers import Matcher

MOST_NODES = 50_000
"""Values in a file, aliases counted as often as they are used: a few lines of them may stand for billions."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRUE = frozenset({"true", "yes", "on", "y"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route with what it takes over from those around it. Mute and active times are never taken over."""

    receiver: str
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False
    """``continue``: the routes after it are tried as well."""
    group_by: tuple[str, ...] = ()
    group_wait: str = "30s"
    group_interval: str = "5m"
    repeat_interval: str = "4h"
    """The three times are Alertmanager's own defaults."""
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    path: str = "route"
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Somewhere to notify; ``kinds`` are its integrations (``webhook``, ``slack``), none for a receiver of nobody."""

    name: str
    kinds: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InhibitRule:
    """While an alert of ``source`` fires, alerts of ``target`` with the same ``equal`` labels are not sent."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration."""

    route: Route
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict)


def read(text: str, name: str) -> Config:
    """Read a configuration; ``name`` is how messages call it.

    Raises:
        CatalogueError: it is none; the message says where and why.
    """
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        fault = Fault(
            file=name, line=mark.line + 1 if mark else 0, code="yaml", message=f"is not YAML: {error.problem}"
        )
        raise CatalogueError((fault,)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise CatalogueError((Fault(file=name, code="yaml", message="is not YAML that can be read"),)) from error
    return _Reader(name).config(_Item(node, "", [MOST_NODES], name))


class _Item:
    """A value of the file, with its place."""

    def __init__(self, node: Any, path: str, budget: list[int], name: str) -> None:
        self.node, self.path, self._budget, self._name = node, path, budget, name
        budget[0] -= 1
        if budget[0] < 0:
            raise self.wrong(f"has more than {MOST_NODES} values")

    @property
    def line(self) -> int:
        return self.node.start_mark.line + 1 if self.node is not None else 0

    def wrong(self, message: str, code: str = "wrong-value") -> CatalogueError:
        return CatalogueError((Fault(file=self._name, line=self.line, path=self.path, code=code, message=message),))

    def _child(self, node: Any, path: str) -> _Item:
        return _Item(node, path, self._budget, self._name)

    def mapping(self) -> dict[str, _Item]:
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("must be a mapping", "wrong-type")
        found: dict[str, _Item] = {}
        for key, value in self.node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.wrong("has a key that is not plain text", "wrong-type")
            item = self._child(value, f"{self.path}.{key.value}" if self.path else key.value)
            if key.value == "<<":
                found = item.mapping() | found
            else:
                found[key.value] = item
        return {key: item for key, item in found.items() if not item.is_null}

    @property
    def is_null(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == "tag:yaml.org,2002:null"

    def items(self) -> Iterator[_Item]:
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("must be a list", "wrong-type")
        for index, node in enumerate(self.node.value):
            yield self._child(node, f"{self.path}[{index}]")

    def text(self) -> str:
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wrong("must be a text", "wrong-type")
        return str(self.node.value)

    def texts(self) -> tuple[str, ...]:
        return tuple(item.text() for item in self.items())


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.receivers: dict[str, Receiver] = {}
        self.intervals: dict[str, tuple[Interval, ...]] = {}

    def config(self, top: _Item) -> Config:
        fields = top.mapping() if top.node is not None else {}
        if "route" not in fields or "receivers" not in fields:
            raise top.wrong("has no route and receivers: this is no configuration of Alertmanager")
        for item in fields["receivers"].items():
            receiver = _receiver(item)
            if receiver.name in self.receivers:
                raise item.wrong(f"receiver {receiver.name} is given twice", "duplicate")
            self.receivers[receiver.name] = receiver
        for key in ("mute_time_intervals", "time_intervals"):
            for item in fields[key].items() if key in fields else ():
                name, entries = _time_interval(item)
                self.intervals[name] = entries
        root = self.route(fields["route"], None)
        if root.matchers or root.mute or root.active:
            raise fields["route"].wrong("is the root: it takes every alert, at any time")
        rules = fields["inhibit_rules"].items() if "inhibit_rules" in fields else ()
        return Config(
            route=root,
            receivers=self.receivers,
            inhibit_rules=tuple(_inhibit_rule(item) for item in rules),
            time_intervals=self.intervals,
        )

    def route(self, item: _Item, parent: Route | None) -> Route:
        fields = item.mapping()
        receiver = fields["receiver"].text() if "receiver" in fields else parent.receiver if parent else ""
        if receiver not in self.receivers:
            raise item.wrong(f"receiver {receiver or '(none)'} does not exist", "reference")
        around = parent or Route(receiver=receiver)
        own = Route(
            receiver=receiver,
            matchers=tuple(_route_matchers(fields)),
            goes_on="continue" in fields and fields["continue"].text().lower() in _TRUE,
            group_by=fields["group_by"].texts() if "group_by" in fields else around.group_by,
            group_wait=fields["group_wait"].text() if "group_wait" in fields else around.group_wait,
            group_interval=fields["group_interval"].text() if "group_interval" in fields else around.group_interval,
            repeat_interval=fields["repeat_interval"].text() if "repeat_interval" in fields else around.repeat_interval,
            mute=self.times(fields, "mute_time_intervals"),
            active=self.times(fields, "active_time_intervals"),
            path=item.path,
            line=item.line,
        )
        inner = fields["routes"].items() if "routes" in fields else ()
        return replace(own, routes=tuple(self.route(child, own) for child in inner))

    def times(self, fields: Mapping[str, _Item], key: str) -> tuple[str, ...]:
        names = fields[key].texts() if key in fields else ()
        for name in names:
            if name not in self.intervals:
                raise fields[key].wrong(f"time interval {name} does not exist", "reference")
        return names


def _receiver(item: _Item) -> Receiver:
    fields = item.mapping()
    if "name" not in fields:
        raise item.wrong("has no name", "missing-field")
    kinds = tuple(
        key.removesuffix("_configs")
        for key, configs in fields.items()
        if key.endswith("_configs")
        for _ in configs.items()
    )
    return Receiver(name=fields["name"].text(), kinds=kinds, line=item.line)


def _route_matchers(fields: Mapping[str, _Item]) -> Iterator[Matcher]:
    """``matchers``, and the older ``match`` and ``match_re``."""
    yield from _matchers(fields, "matchers")
    yield from _old_matchers(fields, "match", "match_re")


def _matchers(fields: Mapping[str, _Item], key: str) -> Iterator[Matcher]:
    for item in fields[key].items() if key in fields else ():
        try:
            yield from matchers.parse(item.text())
        except ValueError as error:
            raise item.wrong(str(error), "matcher") from error


def _old_matchers(fields: Mapping[str, _Item], plain: str, pattern: str) -> Iterator[Matcher]:
    for name, item in fields[plain].mapping().items() if plain in fields else ():
        yield Matcher(name, "=", item.text())
    for name, item in fields[pattern].mapping().items() if pattern in fields else ():
        try:
            yield matchers.matcher(name, "=~", item.text())
        except ValueError as error:
            raise item.wrong(str(error), "matcher") from error


def _inhibit_rule(item: _Item) -> InhibitRule:
    fields = item.mapping()
    source = (*_matchers(fields, "source_matchers"), *_old_matchers(fields, "source_match", "source_match_re"))
    target = (*_matchers(fields, "target_matchers"), *_old_matchers(fields, "target_match", "target_match_re"))
    equal = fields["equal"].texts() if "equal" in fields else ()
    return InhibitRule(source=source, target=target, equal=equal, line=item.line)


def _time_interval(item: _Item) -> tuple[str, tuple[Interval, ...]]:
    fields = item.mapping()
    if "name" not in fields:
        raise item.wrong("has no name", "missing-field")
    entries = fields["time_intervals"].items() if "time_intervals" in fields else ()
    return fields["name"].text(), tuple(_interval(entry) for entry in entries)


def _interval(item: _Item) -> Interval:
    fields = item.mapping()
    location = fields["location"].text() if "location" in fields else "UTC"
    if location != intervals.LOCAL and not is_time_zone(location):
        raise fields["location"].wrong(f"{location} is no time zone that is known here")
    return Interval(
        times=tuple(_times(fields)),
        weekdays=_spans(fields, "weekdays", intervals.WEEKDAYS),
        days_of_month=_spans(fields, "days_of_month"),
        months=_spans(fields, "months", intervals.MONTHS),
        years=_spans(fields, "years"),
        location=location,
    )


def _times(fields: Mapping[str, _Item]) -> Iterator[tuple[int, int]]:
    for item in fields["times"].items() if "times" in fields else ():
        ends = item.mapping()
        try:
            start, end = (intervals.minutes(ends[key].text()) for key in ("start_time", "end_time"))
        except KeyError as error:
            raise item.wrong(f"has no {error.args[0]}", "missing-field") from error
        except ValueError as error:
            raise item.wrong(str(error)) from error
        if end <= start:
            raise item.wrong("ends before it begins: a span over midnight needs two entries")
        yield start, end


def _spans(fields: Mapping[str, _Item], key: str, names: tuple[str, ...] = ()) -> Spans:
    found = []
    for item in fields[key].items() if key in fields else ():
        try:
            found.append(intervals.span(item.text(), names))
        except ValueError as error:
            raise item.wrong(str(error)) from error
    return tuple(found)
