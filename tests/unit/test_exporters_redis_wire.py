"""What comes over the wire is read as it should be however it is cut, and no header makes us reserve gigabytes."""

from __future__ import annotations

import asyncio
import resource
import time
from typing import cast

import pytest

from exporters.collector import CollectError
from exporters.reasons import Reason
from exporters.redis.wire import Reply, Wire

HUGE = 1_000_000_000


class Silent:
    """A transport that sends nothing."""

    def write(self, data: bytes) -> None:
        del data

    def abort(self) -> None:
        """Nobody is connected."""


async def told(*chunks: bytes, count: int = 1) -> list[Reply]:
    """Return what was read of these chunks."""
    wire = Wire()
    wire.connection_made(cast("asyncio.Transport", Silent()))
    asked = asyncio.create_task(wire.exchange(b"", count))
    await asyncio.sleep(0)
    for chunk in chunks:
        wire.data_received(chunk)
    return list(await asyncio.wait_for(asked, 60))


@pytest.mark.parametrize("kind", [b"*", b"%", b"~", b">", b"|"])
@pytest.mark.parametrize("before", [b"", b"*3\r\n:1\r\n", b"+OK\r\n", b"$5\r\nhello\r\n"], ids=repr)
async def test_a_list_of_a_billion_elements_is_refused_before_room_is_made(kind: bytes, before: bytes) -> None:
    said = before + kind + b"%d\r\n" % HUGE
    had, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for chunks in ((said,), [said[at : at + 1] for at in range(len(said))]):
        with pytest.raises(CollectError) as error:
            await told(*chunks, count=9)
        assert error.value.reason is Reason.MALFORMED
        assert "too long" in str(error.value.__cause__)
    assert time.process_time() - started < 0.5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - had < 16 << 10


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
async def test_what_only_looks_like_such_a_header_is_somebodys_data(size: int) -> None:
    data = b"SET x *12345\r\n*1000000000\r\n>99999\r\n|"
    said = b"*2\r\n$%d\r\n%s\r\n+a*12345|99999\r\n" % (len(data), data)
    chunks = [said[at : at + size] for at in range(0, len(said), size)]
    assert await told(*chunks) == [[data.decode(), "a*12345|99999"]]


async def test_long_lists_that_redis_does_send_are_read() -> None:
    assert await told(b"*9999\r\n" + b":1\r\n" * 9_999) == [[1] * 9_999]
