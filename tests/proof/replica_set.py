"""Who is who in a stack's replica set, as Prometheus sees it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from monitor.stack.replica_set import MEMBERS
from tests.end_to_end.outages import get_json


def primary_of(stack: Any) -> str:
    """The member that is primary now; empty while there is none."""
    query = urlencode({"query": "mongodb_replset_member_state == 1"})
    rows = get_json(f"{stack.layout.url('prometheus')}/api/v1/query?{query}")["data"]["result"]
    addresses = {stack.layout.address(name): name for name in MEMBERS}
    return next((addresses[row["metric"]["member"]] for row in rows if row["metric"].get("member") in addresses), "")
