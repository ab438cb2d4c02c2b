"""What mutes is never milder than what it mutes, mutes only what it is meant to mute, and never everybody at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from monitor.catalogue.model import AlertRule, Catalogue, Inhibition
from monitor.check.finding import Finding, finding
from monitor.render import carried
from monitor.render.alertmanager import WATCHDOG_ALERT
from monitor.render.inhibitions import ENVIRONMENT_LABEL, inhibitions

Rules = Mapping[str, tuple[AlertRule, ...]]
"""Every alert by its name: one of each severity, and one of each SLO."""


def unfit_inhibitions(catalogue: Catalogue, alerts: Iterable[AlertRule]) -> Iterator[Finding]:
    """Everything that is wrong with what mutes what; ``alerts`` are all of the catalogue."""
    found: dict[str, list[AlertRule]] = {}
    for rule in alerts:
        found.setdefault(rule.name, []).append(rule)
    rules = {name: tuple(same) for name, same in found.items()}
    metrics = carried.declared(catalogue)
    for inhibition in catalogue.inhibitions:
        meant = {name: tuple(rule for rule in same if inhibition.means(rule)) for name, same in rules.items()}
        yield from _milder(inhibition, meant)
        yield from _unknown_slos(inhibition, catalogue)
        yield from _unequal(inhibition, rules, metrics)
        if WATCHDOG_ALERT in inhibition.target:
            message = f"{WATCHDOG_ALERT} would not arrive while {' or '.join(inhibition.source)} fires"
            remedy = "take it out of target: that it arrives is what shows that alerts can arrive"
            yield finding(inhibition.place, "muted-watchdog", message, remedy)
    yield from _circles(catalogue)


def _unknown_slos(inhibition: Inhibition, catalogue: Catalogue) -> Iterator[Finding]:
    for name in sorted(set(inhibition.slos) - {slo.name for slo in catalogue.slos}):
        message = f"SLO {name} does not exist, so nothing of it is muted or mutes"
        yield finding(inhibition.place, "unknown-slo", message, "correct the name in slos, or take it out")


def _milder(inhibition: Inhibition, rules: Rules) -> Iterator[Finding]:
    for source in inhibition.source:
        for target in inhibition.target:
            pairs = [
                (one, other)
                for one in rules.get(source, ())
                for other in rules.get(target, ())
                if one.attention.rank > other.attention.rank and _may_meet(one, other, inhibition.equal)
            ]
            if pairs:
                milder, louder = pairs[0]
                message = (
                    f"{source} ({_urgency(milder)}) would mute {target} ({_urgency(louder)}), which is more urgent"
                )
                yield finding(inhibition.place, "milder-source", message, "turn them round, or remove the entry")


def _may_meet(source: AlertRule, target: AlertRule, equal: tuple[str, ...]) -> bool:
    """Whether the labels that their rules give them let one mute the other."""
    return all(
        source.labels[label] == target.labels[label]
        for label in equal
        if label in source.labels and label in target.labels
    )


def _urgency(rule: AlertRule) -> str:
    return f"{rule.severity}, {rule.attention}"


def _unequal(inhibition: Inhibition, rules: Rules, metrics: carried.Metrics) -> Iterator[Finding]:
    """Labels that must be equal, and that both sides may lack, or that one of them never has.

    A label that one side always has and the other sometimes is sound: where it is missing, nothing is muted.
    """
    # Prometheus adds the environment to all that it sends, and every inhibition asks for it.
    for label in (one for one in inhibition.equal if one != ENVIRONMENT_LABEL):
        has = {name: _has(label, rules.get(name, ()), metrics) for name in (*inhibition.source, *inhibition.target)}
        told = set()
        for source, target in product(inhibition.source, inhibition.target):
            both = "always" not in {has[source], has[target]}
            if "unknown" in {has[source], has[target]} or not (both or "never" in {has[source], has[target]}):
                continue
            for name in (source, target):
                if has[name] != "always" and (name, both) not in told:
                    told.add((name, both))
                    yield _unequal_finding(inhibition, label, name, has[name], both=both)


def _unequal_finding(inhibition: Inhibition, label: str, name: str, has: str, *, both: bool) -> Finding:
    often = "does not carry" if has == "never" else "does not always carry"
    consequence = (
        "where both sides lack it, Alertmanager takes it for equal and mutes strangers"
        if both
        else "so nothing is muted"
    )
    message = f"{name} {often} the label {label}, which must be equal: {consequence}"
    remedy = f"keep {label} in its expression or add it as a label, or take it out of equal"
    return finding(inhibition.place, "empty-equal", message, remedy)


def _has(label: str, same: tuple[AlertRule, ...], metrics: carried.Metrics) -> str:
    """Whether an alert carries a label: always, sometimes, never, or nobody can know."""
    found = [carried.of_alert(rule, metrics) for rule in same]
    if all(label in one.always for one in found):
        return "always"
    if any(one.possible is None for one in found):
        return "unknown"
    return "sometimes" if any(label in (one.possible or ()) for one in found) else "never"


def _circles(catalogue: Catalogue) -> Iterator[Finding]:
    """Alerts that mute each other: while all of them fire, nobody hears of any."""
    mutes: dict[str, set[str]] = {}
    for inhibition in inhibitions(catalogue):
        for source in inhibition.source:
            mutes.setdefault(source, set()).update(inhibition.target)
    for inhibition in catalogue.inhibitions:
        for source in inhibition.source:
            back = sorted(target for target in inhibition.target if source in _reached(target, mutes))
            if back:
                message = (
                    f"{source} mutes {back[0]}, which mutes {source} in turn: while both fire, nobody hears of either"
                )
                yield finding(inhibition.place, "inhibition-circle", message, "keep one direction")


def _reached(start: str, mutes: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for target in mutes.get(waiting.pop(), set()) - reached:
            reached.add(target)
            waiting.append(target)
    return reached
