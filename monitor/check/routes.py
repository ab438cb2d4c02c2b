"""Every alert that should reach somebody does, and every route is reached by some alert."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from monitor.catalogue.model import HOLIDAYS_LABEL, REPEAT_LABEL, AlertRule, Attention, Catalogue, Place
from monitor.catalogue.receivers import CONSOLE
from monitor.check.finding import Finding, finding
from monitor.render.alert_routes import leaves
from monitor.render.alertmanager import DRILLS, PATH, WATCHDOG, alertmanager_config, people
from monitor.render.notifications import notification_templates
from monitor.routing import intervals
from monitor.routing.config import Config, Route, read
from monitor.routing.reach import Reach, reaches
from monitor.routing.walk import Delivery, deliveries, routes
from monitor.slo import names

CONTACTS = Place(file="contacts.yaml")
NOTIFYING = frozenset({Attention.NOW, Attention.WORKING_HOURS, Attention.TICKET})

OLDEST = "0.25"
"""The first Alertmanager whose working hours know a time zone (tried with amtool)."""
_SINCE = (("msteams", "", "0.28"), ("webhook", "url_file", "0.26"))
"""Kinds of receivers, or settings of them, by the first Alertmanager that accepts them: 0.25 tried with amtool, the
others from its changelog (Teams' workflows, msteamsv2, came with 0.28)."""

A_MONDAY_MORNING = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""Where looking for a time at which something is heard begins; a check must not depend on when it runs."""


def rendered(catalogue: Catalogue) -> Config:
    """The configuration that the catalogue becomes, as Alertmanager reads it."""
    return read(alertmanager_config(catalogue), PATH)


def unrouted(catalogue: Catalogue, rules: Iterable[AlertRule]) -> Iterator[Finding]:
    """Alerts that no person ever hears of, only the console's record."""
    told, config = people(catalogue), rendered(catalogue)
    seen = set()
    for rule, taken in _delivered(config, rules):
        team = rule.labels["team"]
        heard = {name for each in taken for name in told[each.route.receiver]}
        key = (team, rule.attention, frozenset(heard))
        if rule.attention in NOTIFYING and not heard and key not in seen:
            seen.add(key)
            message = f"{rule.name} is {describe(rule)} for team {team}, and contacts.yaml names nobody who hears of it"
            remedy = f"give team {team} receivers for {rule.severity}"
            yield finding(rule.place, "no-route", message, remedy)


def describe(rule: AlertRule) -> str:
    """``critical``, ``critical in working hours``, ``warning``."""
    return f"{rule.severity} in working hours" if rule.attention is Attention.WORKING_HOURS else rule.severity.value


_PARTS = frozenset({"alertname", names.SERVICE_LABEL, REPEAT_LABEL, HOLIDAYS_LABEL})
"""What the routes below a team's ask for, and those that differ on holidays."""


def unsupported(catalogue: Catalogue) -> Iterator[Finding]:
    """What this environment's Alertmanager does not know, so that it would not start."""
    version = catalogue.environment.alertmanager_version
    if number(version) < number(OLDEST):
        message = f"Alertmanager {version} does not read what is generated: the first that does is {OLDEST}"
        place = Place(file=f"environments/{catalogue.environment.name}.yaml")
        yield finding(place, "unsupported-alertmanager", message, "run a newer one, and say so here")
    for receiver in catalogue.contacts.receivers:
        for kind, setting, since in _SINCE:
            if (
                receiver.kind == kind
                and (not setting or setting in receiver.settings)
                and number(version) < number(since)
            ):
                what = f"receivers of kind {kind}" if not setting else f"{setting} in receivers of kind {kind}"
                message = f"receiver {receiver.name}: Alertmanager knows {what} since {since}, and {version} runs here"
                yield finding(CONTACTS, "unsupported-receiver", message, "use another kind, or a newer Alertmanager")


_NAMED = re.compile(r'\{\{-?\s*template\s+"([^"]+)"')
_DEFINED = re.compile(r'\{\{-?\s*define\s+"([^"]+)"')
_BUILT_IN = re.compile(r"__.*|.*\.default\..*")
"""What Alertmanager's own templates are called."""


def unsendable(catalogue: Catalogue) -> Iterator[Finding]:
    """Messages that name a template nobody defines: Alertmanager starts with one, and then sends nothing."""
    defined = set(_DEFINED.findall(notification_templates(catalogue.environment)))
    for receiver in catalogue.contacts.receivers:
        for setting, text in receiver.settings.items():
            for name in _NAMED.findall(text):
                if name not in defined and not _BUILT_IN.fullmatch(name):
                    message = f"receiver {receiver.name}: {setting} names the template {name}, which nobody defines"
                    yield finding(CONTACTS, "unknown-template", message, "write the text itself, or one of ours: sre.*")


def number(version: str) -> tuple[int, ...]:
    """A version as numbers that compare: ``0.9`` is older than ``0.25``."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def unreachable(catalogue: Catalogue, rules: Iterable[AlertRule]) -> Iterator[Finding]:
    """Routes and receivers that no alert leads to."""
    config = rendered(catalogue)
    yield from (dead_route(reach, CONTACTS.file) for reach in dead(reaches(config.route)))
    yield from _unused(catalogue, config, rules)
    listed = {name for leaf in leaves(catalogue) for name in leaf.heard_by} | set(catalogue.contacts.drills)
    for receiver in catalogue.contacts.receivers:
        if receiver.name not in listed and receiver.name != CONSOLE:
            yield finding(CONTACTS, "dead-route", f"no team lists receiver {receiver.name}", "list it, or remove it")
    yield from _loud_drills(catalogue)


def _delivered(config: Config, rules: Iterable[AlertRule]) -> Iterator[tuple[AlertRule, tuple[Delivery, ...]]]:
    """Each alert with what becomes of it. Those that are alike to every matcher of the tree are walked through once."""
    asked = sorted({matcher.name for route in routes(config.route) for matcher in route.matchers})
    known: dict[tuple[str | None, ...], tuple[Delivery, ...]] = {}
    for rule in rules:
        labels = {**rule.labels, "alertname": rule.name}
        key = tuple(labels.get(name) for name in asked)
        if key not in known:
            known[key] = deliveries(config, labels, A_MONDAY_MORNING)
        yield rule, known[key]


def _unused(catalogue: Catalogue, config: Config, rules: Iterable[AlertRule]) -> Iterator[Finding]:
    """Routes that the catalogue's own alerts do not take, though others might."""
    taken = {each.route.path for _, found in _delivered(config, rules) for each in found}
    # What goes to a route below takes the one above as well.
    used = {path.rsplit(".routes", depth)[0] for path in taken for depth in (0, 1)}
    told = people(catalogue)
    teams = catalogue.contacts.teams
    wanted = any(team.critical_working_hours or any(p.critical_working_hours for p in team.services) for team in teams)
    for route in routes(config.route):
        if route.path in used or not told[route.receiver] or route.receiver in {DRILLS, WATCHDOG}:
            continue
        matchers = {matcher.name: matcher.value for matcher in route.matchers}
        urgency, severity = matchers.pop("urgency", ""), matchers.pop("severity", "")
        team = matchers.pop("team", "").removesuffix("|")  # the default team's takes those of nobody as well
        if matchers.keys() & _PARTS:
            continue  # it only groups, or repeats, what its parent takes
        if urgency and not (route.active and wanted):
            continue
        which = "".join(f" with {name}={value}" for name, value in matchers.items())
        message = f"no alert is {severity}{' in working hours' if urgency else ''} for team {team}{which}"
        yield finding(CONTACTS, "dead-route", message, "remove the route, or give an alert this team")


def _loud_drills(catalogue: Catalogue) -> Iterator[Finding]:
    paged = {name for leaf in leaves(catalogue) for name in leaf.heard_by if 'severity="critical"' in leaf.matchers}
    for name in catalogue.contacts.drills:
        if name in paged and name != CONSOLE:
            message = f"receiver {name} hears of drills and is woken by critical alerts: a rehearsal would page people"
            yield finding(CONTACTS, "loud-drill", message, "give drills a receiver of their own")


def dead(judged: tuple[Reach, ...]) -> Iterator[Reach]:
    """Those that no alert can reach, without what stands below them."""
    roots: list[str] = []
    for reach in judged:
        if reach.dead and not any(reach.route.path.startswith(f"{root}.") for root in roots):
            roots.append(reach.route.path)
            yield reach


def dead_route(reach: Reach, file: str) -> Finding:
    """What there is to say about a route that no alert can reach."""
    route = reach.route
    if reach.contradiction:
        message = f"no alert can reach {shown(route)}: what it and the routes around it ask for excludes itself"
        remedy = "correct its matchers, or remove it"
    else:
        before = " and ".join(shown(other) for other in reach.shadowed_by)
        takes = "takes" if len(reach.shadowed_by) == 1 else "take"
        message = f"no alert can reach {shown(route)}: {before} {takes} all of them before"
        remedy = "put it first, give what stands before it `continue: true`, or remove it"
    line = route.line if file != CONTACTS.file else 0
    return Finding(file=file, line=line, code="dead-route", message=message, remedy=remedy)


def shown(route: Route) -> str:
    """A route as people recognise it: its receiver, its matchers, and the line it stands on."""
    matchers = ", ".join(map(str, route.matchers)) or "every alert"
    return f"the route to {route.receiver} ({matchers}; line {route.line})"


def muted(config: Config, file: str) -> Iterator[Finding]:
    """Routes that are muted whenever one looks, so that nobody is ever notified by them."""
    named = {name for route in routes(config.route) for name in (*route.mute, *route.active)}
    spans = [span for name in named for span in config.time_intervals[name]]
    instants = intervals.some_instants(A_MONDAY_MORNING, spans) if named else ()
    judged: dict[tuple[tuple[str, ...], tuple[str, ...]], bool] = {}
    told: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for route in routes(config.route):
        if not (route.mute or route.active):
            continue
        key = (route.mute, route.active)
        if key not in judged:
            judged[key] = not any(_open(config, route, at) for at in instants)
        if judged[key] and not any(route.path.startswith(f"{above}.") for above in told.get(key, ())):
            told.setdefault(key, []).append(route.path)
            message = f"{shown(route)} is muted at any time: by {', '.join((*route.mute, *route.active))}"
            remedy = "correct the time intervals: working hours without days or hours never come"
            line = route.line if file != CONTACTS.file else 0
            yield Finding(file=file, line=line, code="muted-forever", message=message, remedy=remedy)


def loud(config: Config, file: str) -> Iterator[Finding]:
    """Routes below one that keeps to its times, which have none themselves: Alertmanager does not take them over."""
    for above in routes(config.route):
        for route in above.routes if above.mute or above.active else ():
            if not (route.mute or route.active):
                times = ", ".join((*above.mute, *above.active))
                message = (
                    f"{shown(route)} notifies at any time: the times of the route above it ({times}) are not its own"
                )
                line = route.line if file != CONTACTS.file else 0
                yield Finding(file=file, line=line, code="lost-times", message=message, remedy="write them there too")


def _open(config: Config, route: Route, at: datetime) -> bool:
    if any(intervals.contains(config.time_intervals[name], at) for name in route.mute):
        return False
    return not route.active or any(intervals.contains(config.time_intervals[name], at) for name in route.active)


def always_muted(catalogue: Catalogue) -> Iterator[Finding]:
    """Working hours that never come."""
    return muted(rendered(catalogue), CONTACTS.file)
