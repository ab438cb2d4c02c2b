"""OpenSLO v1: what its files may say (``violations``, ``validate``), and how they become our SLOs (``read``).

::

    rules/       what each of the seven kinds may say, in two modes
    objects      documents into objects, and what they refer to
    validate     files into violations: ``monitor slo validate``
    reading      objects into our SLOs, by ``conversion``, of ``labels``, ``window`` and ``indicator``
"""

from __future__ import annotations

from monitor.catalogue.openslo.objects import violations
from monitor.catalogue.openslo.reading import read
from monitor.catalogue.openslo.rules.fields import Mode
from monitor.catalogue.openslo.rules.violation import Violation
from monitor.catalogue.openslo.validate import TEXTS, validate

__all__ = ["TEXTS", "Mode", "Violation", "read", "validate", "violations"]
