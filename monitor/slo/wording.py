"""What all alerts of SLOs carry: their labels, and figures in their texts. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Severity
from monitor.slo import names
from monitor.slo.stand_in import Told


def labels(slo: Told, severity: Severity) -> dict[str, str]:
    """Whose alert it is, whose team's, and what it does."""
    return {
        names.SLO_LABEL: slo.name,
        names.SERVICE_LABEL: slo.service,
        "severity": severity.value,
        "team": slo.team,
    }


def figure(query: str, form: str = 'printf "%.0f"') -> str:
    """A template that shows the first value of a query, and nothing where it has none."""
    return f"{{{{ with query `{query}` }}}}{{{{ . | first | value | {form} }}}}{{{{ end }}}}"
