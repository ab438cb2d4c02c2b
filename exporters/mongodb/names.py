"""What a server is called: by itself, by its replica set, by the URI.

One server may have two names: the URI says ``localhost:27017``, its replica set ``127.0.0.1:27017``.

A member that answers says what its set calls it. Of one that was never there that has to be guessed, or it would be
on the page twice: as a seed that is down, and as a member that the set has besides.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from ipaddress import ip_address

from exporters.lookup import addresses

_PATIENCE = 0.5
"""Seconds that looking a name up may take; it is repeated with each scrape, and most have to make do with less."""
_LOOPBACK = "loopback"
_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})")
_PORTS = range(1, 65536)


def is_address(name: str) -> bool:
    """Tell whether a name is a host and a port and nothing more: what else stood in it would be part of a URI."""
    found = _ADDRESS.fullmatch(name)
    return found is not None and int(found[1]) in _PORTS


async def matched(seeds: Collection[str], names: Collection[str]) -> tuple[dict[str, str], frozenset[str]]:
    """Return which of ``names`` are seeds (by seed), and which ones might be and have to wait.

    The same port at the same address is the same server. Where an address cannot be found out, the only name with the
    seed's port is taken to be it; of several none is watched before more is known.
    """
    places = dict(zip((every := (*seeds, *names)), await asyncio.gather(*map(_places, every)), strict=True))
    same: dict[str, str] = {}
    doubtful: set[str] = set()
    for seed in seeds:
        left = [name for name in names if _port(name) == _port(seed) and name not in same.values()]
        certain = [name for name in left if places[name] & places[seed]]
        possible = certain or [name for name in left if not places[name] or not places[seed]]
        if len(possible) == 1 or certain:
            same[seed] = possible[0]
        else:
            doubtful.update(possible)
    return same, frozenset(doubtful - set(same.values()))


async def _places(name: str) -> frozenset[str]:
    host = name.rpartition(":")[0].strip("[]")
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await addresses(host, None)
    except OSError:
        return frozenset()
    return frozenset(
        _LOOPBACK if ip_address(one := str(row[4][0]).partition("%")[0]).is_loopback else one for row in found
    )


def _port(name: str) -> str:
    return name.rpartition(":")[2]
