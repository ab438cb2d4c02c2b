"""The exact proof: a restored copy as of T against the live source as it was at T, document by document.

::

    source      the live source in one snapshot, the majority's newest, which is T
    documents   reads its collections; digests as ``dbHash`` has them
    changes     which collections were made, dropped, renamed ... between T and the end of that reading    pure
    comparing   equal, different or unknown, each collection with its reason                               pure

Until MongoDB 7.0 a snapshot is read through today's catalogue: a collection that was renamed or dropped after T reads
as empty, without an error. So what the oplog says was changed meanwhile is unknown, whatever was read of it. Views hold
nothing, and capped collections cannot be read in a snapshot: both are outside.
"""

from __future__ import annotations

from monitor.backup.exact.comparing import Proof, compare
from monitor.backup.exact.model import Reading
from monitor.backup.exact.source import MAX_BYTES_PER_SECOND, LiveSource, opened

__all__ = ["MAX_BYTES_PER_SECOND", "LiveSource", "Proof", "Reading", "compare", "opened"]
