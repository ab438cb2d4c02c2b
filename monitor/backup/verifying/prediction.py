"""How long a restore would take at the size of production, from what was measured here. Pure.

A linear model (the research's: bytes by bytes a second), with each part by what it grows with::

    seconds = start + bytes x (fetching + loading + indexes) / measured bytes + operations / (operations a second)

Fetching is reading, decrypting and unpacking. Sorting for indexes grows a little faster than with the data (n log n):
from 300 MB to 30 GB by a quarter, which is said with the figure rather than hidden in it. A disk or network slower than
here makes it longer: what is predicted holds for a machine like this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SOURCE = "linear in bytes and operations, from this run's own rates (docs/backups.md)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What this run took, in seconds, and how much that was."""

    bytes: int
    start_seconds: float = 0.0
    fetch_seconds: float = 0.0
    data_seconds: float = 0.0
    index_seconds: float = 0.0
    operations: int = 0
    replay_seconds: float = 0.0

    @property
    def restore_seconds(self) -> float:
        """From the decision to the last index; without what verification does beyond that."""
        parts = (self.start_seconds, self.fetch_seconds, self.data_seconds, self.index_seconds, self.replay_seconds)
        return sum(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """A restore of production: how many bytes and operations, and about how many seconds."""

    bytes: int
    operations: int
    seconds: float
    megabytes_per_second: float
    operations_per_second: float | None
    index_seconds_per_gigabyte: float

    def body(self) -> dict[str, Any]:
        """The prediction as the store and ``--json`` have it."""
        per_second = self.operations_per_second
        return {
            "bytes": self.bytes,
            "operations": self.operations,
            "seconds": round(self.seconds, 1),
            "megabytes_per_second": round(self.megabytes_per_second, 2),
            "operations_per_second": None if per_second is None else round(per_second),
            "index_seconds_per_gigabyte": round(self.index_seconds_per_gigabyte, 2),
            "source": SOURCE,
        }


def predict(measured: Measured, *, size: int, operations: int = 0) -> Predicted | None:
    """Predict a restore of ``size`` bytes and ``operations`` to replay; ``None`` where nothing was measured.

    Where no operation was replayed here, those of production are not in the figure, and their rate is ``None``.
    """
    moved = measured.fetch_seconds + measured.data_seconds
    if measured.bytes <= 0 or moved <= 0:
        return None
    rate = measured.operations / measured.replay_seconds if measured.operations and measured.replay_seconds else None
    seconds = measured.start_seconds + size * (moved + measured.index_seconds) / measured.bytes
    return Predicted(
        bytes=size,
        operations=operations,
        seconds=seconds + (operations / rate if rate else 0.0),
        megabytes_per_second=measured.bytes / moved / 1e6,
        operations_per_second=rate,
        index_seconds_per_gigabyte=measured.index_seconds / measured.bytes * 1e9,
    )
