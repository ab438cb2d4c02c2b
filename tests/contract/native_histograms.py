"""Native histograms as a client would keep them, scraped as protobuf or sent to a Prometheus's remote-write receiver.

Written by hand, for the few fields that are needed (field numbers: prometheus/client_model's metrics.proto and
Prometheus's prompb/types.proto): no library that the project has can make them.
"""

from __future__ import annotations

import math
import struct
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise

PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""Prometheus's mark of staleness: of all values that are no number, this one."""
NO_TIME = 2.0**-128
"""What client libraries count as zero."""


class NativeHistogram:
    """Observations in buckets that grow by a power of two each ``2**schema`` of them."""

    def __init__(self, schema: int = 3) -> None:
        self.schema = schema
        self.buckets: Counter[int] = Counter()
        self.zeros = 0
        self.sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        self.sum += value * times
        if value <= NO_TIME:
            self.zeros += times
        else:
            self.buckets[math.ceil(math.log2(value) * 2**self.schema)] += times

    def coarsen(self) -> None:
        """Halve the resolution, as a client does when there are too many buckets."""
        self.schema -= 1
        old, self.buckets = self.buckets, Counter()
        for index, count in old.items():
            self.buckets[-(-index // 2)] += count

    @property
    def count(self) -> int:
        return self.zeros + sum(self.buckets.values())

    def scraped(self) -> bytes:
        """The histogram of client_model."""
        head = _varint(1, self.count) + _double(2, self.sum) + _varint(5, _zigzag(self.schema))
        spans, deltas = self._sparse()
        body = b"".join(_bytes(12, span) for span in spans) + b"".join(_varint(13, _zigzag(delta)) for delta in deltas)
        return head + _double(6, NO_TIME) + _varint(7, self.zeros) + body

    def written(self, at: datetime) -> bytes:
        """The histogram of prompb."""
        head = _varint(1, self.count) + _double(3, self.sum) + _varint(4, _zigzag(self.schema))
        spans, deltas = self._sparse()
        body = b"".join(_bytes(11, span) for span in spans) + b"".join(_varint(12, _zigzag(delta)) for delta in deltas)
        return head + _double(5, NO_TIME) + _varint(6, self.zeros) + body + _varint(15, _milliseconds(at))

    def _sparse(self) -> tuple[list[bytes], list[int]]:
        indexes = sorted(self.buckets)
        offsets = [*indexes[:1], *(after - before - 1 for before, after in pairwise(indexes))]
        spans = [_varint(1, _zigzag(offset)) + _varint(2, 1) for offset in offsets]
        counts = [0, *(self.buckets[index] for index in indexes)]
        return spans, [after - before for before, after in pairwise(counts)]


def page(name: str, histograms: Iterable[tuple[Mapping[str, str], NativeHistogram]]) -> bytes:
    """A metrics page with one family."""
    metrics = b"".join(_bytes(4, _labels(labels) + _bytes(7, one.scraped())) for labels, one in histograms)
    family = _bytes(1, name.encode()) + _varint(3, 4) + metrics
    return _length(len(family)) + family


class Written:
    """Samples to be sent in the order of their time, as Prometheus wants them."""

    def __init__(self) -> None:
        self._series: list[bytes] = []

    def histogram(self, labels: Mapping[str, str], at: datetime, value: NativeHistogram) -> None:
        self._series.append(_labels(labels) + _bytes(4, value.written(at)))

    def number(self, labels: Mapping[str, str], at: datetime, value: float) -> None:
        self._series.append(_labels(labels) + _bytes(2, _double(1, value) + _varint(2, _milliseconds(at))))

    def ended(self, labels: Mapping[str, str], at: datetime) -> None:
        """What a scrape leaves where a series is no longer exposed."""
        stale = NativeHistogram()
        stale.sum = STALE
        self.histogram(labels, at, stale)

    def send(self, url: str) -> None:
        """Send everything to ``url``/api/v1/write."""
        body = b"".join(_bytes(1, series) for series in self._series)
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        request = urllib.request.Request(f"{url}/api/v1/write", data=_snappy(body), headers=headers)  # noqa: S310  # http
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310  # as above
        self._series.clear()


def _labels(labels: Mapping[str, str]) -> bytes:
    return b"".join(
        _bytes(1, _bytes(1, key.encode()) + _bytes(2, text.encode())) for key, text in sorted(labels.items())
    )


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def _length(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _varint(field: int, number: int) -> bytes:
    return _length(field << 3) + _length(number)


def _double(field: int, number: float) -> bytes:
    return _length(field << 3 | 1) + struct.pack("<d", number)


def _bytes(field: int, content: bytes) -> bytes:
    return _length(field << 3 | 2) + _length(len(content)) + content


def _snappy(content: bytes) -> bytes:
    """Snappy's block format with literals only: valid, and no smaller."""
    out = bytearray(_length(len(content)))
    for start in range(0, len(content), 65_536):
        part = content[start : start + 65_536]
        out += bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part
    return bytes(out)
