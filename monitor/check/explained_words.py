"""The answer where an alert goes, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor.catalogue.receivers import CONSOLE
from monitor.check.explained import Explained, Muting, Sent, grouped_by
from monitor.render import report_words as words
from monitor.render.inhibitions import APART, ENVIRONMENT_LABEL
from monitor.routing.matchers import Matcher
from monitor.routing.walk import Step


def lines(explained: Explained, zone: str) -> Iterator[str]:
    """The answer for people, with times by the clocks of a time zone."""
    yield " ".join(f"{name}={value}" for name, value in sorted(explained.labels.items()) if name)
    if explained.added:
        yield f"(the catalogue says {', '.join(explained.added)})"
    yield ""
    yield "Routes tried:"
    for step in explained.steps:
        yield f"  {'  ' * step.depth}{_step(step, explained.labels)}"
    yield ""
    yield f"Sent at {words.moment(explained.at, zone)} ({zone}) to:"
    for sent in explained.sent:
        yield from (f"  {line}" for line in _sent_lines(sent, explained.labels, zone))
    if explained.inhibited_by:
        yield ""
        yield "Not sent while one of these fires:"
        yield from (f"  {_muting(muting)}" for muting in explained.inhibited_by)
    yield ""
    heard = ", ".join(explained.heard_by)
    yield f"Heard by {heard}." if heard else "Nobody hears of it then."


def _step(step: Step, labels: Mapping[str, str]) -> str:
    asked = ", ".join(map(str, step.route.matchers)) or "every alert"
    head = f"{step.route.path.rpartition('.')[2]} (line {step.route.line}) {asked} -> {step.route.receiver}"
    if not step.matched:
        return f"{head}: no, {', '.join(_failed(matcher, labels) for matcher in step.failed)}"
    tail = "; the routes after it are tried as well" if step.route.goes_on else ""
    return f"{head}: matches{', delivers' if step.delivers else ''}{tail}"


def _failed(matcher: Matcher, labels: Mapping[str, str]) -> str:
    return f'{matcher.name} is "{labels[matcher.name]}"' if labels.get(matcher.name) else f"it has no {matcher.name}"


def _sent_lines(sent: Sent, labels: Mapping[str, str], zone: str) -> Iterator[str]:
    route = sent.delivery.route
    integrations = ", ".join(sent.kinds) or "nothing is configured there"
    yield f"{route.receiver} ({integrations}): {_told(sent, zone)}"
    # Which environment it is goes without saying, unless it was asked about.
    group = [label for label in grouped_by(route, labels) if label != ENVIRONMENT_LABEL or label in labels]
    grouped = " ".join(f"{label}={labels.get(label, '') or '-'}" for label in group) or "all alerts of the route"
    yield f"  one notification for {grouped}"
    yield (
        f"  {route.group_wait} after the first alert, news of the same group each {route.group_interval}, "
        f"repeated each {route.repeat_interval}"
    )


def _told(sent: Sent, zone: str) -> str:
    named = [name for name in sent.people if name != CONSOLE]
    whom = ", ".join(named) if named else "the console" if sent.people else "the record alone"
    if not sent.delivery.muted:
        return whom
    why = [f"{name} holds" for name in sent.delivery.muted_by]
    why += [f"it is not {name}" for name in sent.delivery.waits_for]
    until = f", until {words.moment(sent.again_from, zone)}" if sent.again_from else ""
    return f"{whom}, but muted then: {' and '.join(why)}{until}"


def _muting(muting: Muting) -> str:
    alerts = ", ".join(muting.alerts) or ", ".join(map(str, muting.rule.source))
    equal = [label for label in muting.rule.equal if label not in APART] if muting.alerts else list(muting.rule.equal)
    return f"{alerts} (line {muting.rule.line}{', with the same ' + ', '.join(equal) if equal else ''})"
