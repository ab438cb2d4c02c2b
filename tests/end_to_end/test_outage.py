"""A real outage becomes a page, with what is needed to act on it, and the right number in the report."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.outages import an_outage_is_paged_and_counted


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_dead_apps_page_within_a_minute_and_the_report_counts_every_failed_request(fresh_stack: Any) -> None:
    an_outage_is_paged_and_counted(fresh_stack, how="kill")
