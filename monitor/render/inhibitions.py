"""Which alerts mute which others: what follows from the SLOs, then what the catalogue says. Pure.

Both sides are pinned by name, so that a rule mutes nobody who is not meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from monitor.catalogue.inhibiting import SLO_ALERTS
from monitor.catalogue.model import AlertRule, Catalogue, Inhibition, Place
from monitor.render import carried
from monitor.render.yaml_text import Value
from monitor.slo import names, windows
from monitor.slo.spending import SPENT

DRILL_LABEL = "drill"
"""``drill="true"``: a rehearsal that nobody may take for the real thing."""

ENVIRONMENT_LABEL = "environment"
"""What Prometheus adds to every alert that it sends: one Alertmanager may serve several environments."""

APART = (DRILL_LABEL, ENVIRONMENT_LABEL)
"""Labels that are in every ``equal``. They are the ones whose absence on both sides is meant to count."""


def inhibitions(catalogue: Catalogue) -> tuple[Inhibition, ...]:
    """Every inhibition by name: those of burning and spent budgets, the graver first; then what the catalogue says."""
    return (*_of_slos(catalogue), *catalogue.inhibitions)


def rules(catalogue: Catalogue, *, among: str = "") -> list[Value]:
    """Alertmanager's ``inhibit_rules``; ``among`` is a matcher of both sides, where others' alerts have the same names.

    Each has ``drill`` in ``equal``: what is real carries no such label, so that it mutes what is real, and a rehearsal
    mutes rehearsals. Where an alert has a label of that name with a meaning of its own, rehearsals are left out as
    sources instead. And each has ``environment``: what fails where it is tried out mutes nothing where patients are.
    """
    meant = _alerts_about_drills(catalogue)
    found = [
        *(_rule(one, own=not meant.isdisjoint((*one.source, *one.target))) for one in inhibitions(catalogue)),
        *_of_two_severities(catalogue),
    ]
    for rule in found if among else ():
        rule["source_matchers"].append(among)
        rule["target_matchers"].append(among)
    return list(found)


def _rule(inhibition: Inhibition, *, own: bool) -> dict[str, list[str]]:
    source, target = (_side(names_, inhibition.slos) for names_ in (inhibition.source, inhibition.target))
    apart = list(APART)
    if own:
        source.append(f'{DRILL_LABEL}!="true"')
        apart.remove(DRILL_LABEL)
    equal = [*apart, *(label for label in inhibition.equal if label not in apart)]
    return {"source_matchers": source, "target_matchers": target, "equal": equal}


def _side(alerts: Sequence[str], slos: Sequence[str]) -> list[str]:
    """Matchers of one side. What is no SLO's alert has no such label, which the empty alternative stands for."""
    if not slos or not set(alerts) & set(SLO_ALERTS):
        return [named(alerts)]
    patterns = "|".join(name.replace(".", "[.]") for name in slos)
    return [named(alerts), f'{names.SLO_LABEL}=~"{patterns}|"']


def _alerts_about_drills(catalogue: Catalogue) -> frozenset[str]:
    """Alerts whose ``drill`` says which one they are about."""
    rules_ = [rule for group in catalogue.alerts for rule in group.rules if DRILL_LABEL in rule.expr]
    metrics = carried.declared(catalogue) if rules_ else {}
    return frozenset(rule.name for rule in rules_ if DRILL_LABEL in (carried.of_alert(rule, metrics).possible or ()))


def _of_two_severities(catalogue: Catalogue) -> Iterator[dict[str, list[str]]]:
    """An alert that is given as a warning and, further on, as critical: the critical one says it all.

    Both are of the same series where every label that their expressions leave is equal.
    """
    forms: dict[str, list[AlertRule]] = {}
    for rule in (rule for group in catalogue.alerts for rule in group.rules):
        forms.setdefault(rule.name, []).append(rule)
    several = {name: same for name, same in sorted(forms.items()) if len(same) > 1}
    metrics = carried.declared(catalogue) if several else {}
    for name, same in several.items():
        ranked = sorted(same, key=lambda rule: rule.attention.rank)
        ranks = [list(alike) for _, alike in groupby(ranked, key=lambda rule: rule.attention.rank)]
        for louder, milder in pairwise(ranks):
            both = (*louder, *milder)
            left = [labels for rule in both if (labels := carried.of_alert(rule, metrics).possible) is not None]
            if len(left) == len(both):
                own = {label for rule in both for label in rule.labels}
                same_series = frozenset.intersection(*left) - {"alertname", *own}
                source, target = ([named([name]), f'severity="{one[0].severity}"'] for one in (louder, milder))
                equal = sorted({*APART, *same_series})
                yield {"source_matchers": source, "target_matchers": target, "equal": equal}


def _of_slos(catalogue: Catalogue) -> Iterator[Inhibition]:
    """Of burning, and of what is spent: each alert says what those after it say."""
    for graver in ([pair.alert for pair in windows.BURN_PAIRS], SPENT) if catalogue.slos else ():
        for index, alert in enumerate(graver[:-1]):
            milder = tuple(graver[index + 1 :])
            yield Inhibition(source=(alert,), target=milder, equal=(names.SLO_LABEL,), place=Place(file="slos"))


def named(alerts: Sequence[str]) -> str:
    """A matcher of alerts by their names, which are letters and digits only."""
    return f'alertname=~"{"|".join(alerts)}"' if len(alerts) > 1 else f'alertname="{alerts[0]}"'
