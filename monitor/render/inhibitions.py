"""Which alerts mute which others: what follows from the SLOs, then what the catalogue says. Pure.

Both sides are pinned by name, so that a rule mutes nobody who is not meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.catalogue.model import Catalogue, Inhibition, Place
from monitor.render.yaml_text import Value
from monitor.slo import names, windows


def inhibitions(catalogue: Catalogue) -> tuple[Inhibition, ...]:
    """Every inhibition by name: an SLO's faster burn alert mutes its slower ones, whatever else the catalogue says."""
    return (*_of_slos(catalogue), *catalogue.inhibitions)


def rules(catalogue: Catalogue) -> list[Value]:
    """Alertmanager's ``inhibit_rules``."""
    return [_rule(inhibition) for inhibition in inhibitions(catalogue)]


def _of_slos(catalogue: Catalogue) -> Iterator[Inhibition]:
    speeds = [pair.alert for pair in windows.BURN_PAIRS] if catalogue.slos else []
    for index, faster in enumerate(speeds[:-1]):
        yield Inhibition(
            source=(faster,), target=tuple(speeds[index + 1 :]), equal=(names.SLO_LABEL,), place=Place(file="slos")
        )


def _rule(inhibition: Inhibition) -> Value:
    rule: dict[str, Value] = {
        "source_matchers": [named(inhibition.source)],
        "target_matchers": [named(inhibition.target)],
    }
    return rule | ({"equal": list(inhibition.equal)} if inhibition.equal else {})


def named(alerts: Sequence[str]) -> str:
    """A matcher of alerts by their names, which are letters and digits only."""
    return f'alertname=~"{"|".join(alerts)}"' if len(alerts) > 1 else f'alertname="{alerts[0]}"'
