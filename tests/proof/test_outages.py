"""What takes long about an outage: frozen apps, and waiting until the last alert has resolved."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.outages import an_outage_is_paged_and_counted, every_critical_alert_resolves


@pytest.mark.stack
@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("how", ["kill", "pause"])
def test_an_outage_is_paged_counted_and_resolved(fresh_stack: Any, how: str) -> None:
    an_outage_is_paged_and_counted(fresh_stack, how=how)
    every_critical_alert_resolves(fresh_stack)
