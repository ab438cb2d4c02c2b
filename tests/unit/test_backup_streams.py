"""What bytes go through on their way: compression, the pipe between threads."""

from __future__ import annotations

import gzip
import io
import random
import threading
from collections.abc import Iterator

import pytest
import zstandard

from monitor.backup.compression import CHUNK, COMPRESSIONS, Compression, compress, decompress
from monitor.backup.pipe import BATCHES_WAITING, Broken, Pipe
from monitor.backup.streams import Tally

TEXT = b"appointments, mostly alike; " * 50_000


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_what_is_compressed_comes_back(how: Compression) -> None:
    packed = b"".join(compress((TEXT[i : i + 99_999] for i in range(0, len(TEXT), 99_999)), how))
    assert how == "none" or len(packed) < len(TEXT) / 10
    assert b"".join(decompress([packed[i : i + 1000] for i in range(0, len(packed), 1000)], how)) == TEXT
    assert b"".join(decompress(compress([], how), how)) == b""


def test_stock_readers_read_it() -> None:
    assert gzip.decompress(b"".join(compress([TEXT], "gzip"))) == TEXT
    assert zstandard.ZstdDecompressor().stream_reader(io.BytesIO(b"".join(compress([TEXT], "zstd")))).read() == TEXT


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_stream_that_swells_comes_in_small_pieces(how: Compression) -> None:
    bomb = b"".join(compress((bytes(CHUNK) for _ in range(64)), how))
    assert len(bomb) < CHUNK
    assert max(map(len, decompress([bomb], how))) <= CHUNK


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_what_is_no_such_stream_is_told(how: Compression) -> None:
    with pytest.raises(ValueError, match=how):
        list(decompress([random.randbytes(1000)], how))


def test_a_tally_counts_what_passes() -> None:
    tally = Tally()
    assert list(tally.through([b"ab", b"", b"c"])) == [b"ab", b"", b"c"]
    assert (tally.digest.bytes, tally.digest.sha256[:8]) == (3, "ba7816bf")


def taken(pipe: Pipe, into: list[object]) -> None:
    try:
        into.extend(pipe)
    except Broken as error:
        into.append(error)


def test_a_pipe_hands_everything_on_and_holds_only_a_little() -> None:
    got: list[object] = []
    with Pipe() as pipe:
        for number in range(BATCHES_WAITING):
            assert pipe.send(bytes([number]))
        reader = threading.Thread(target=taken, args=(pipe, got))
        reader.start()
        for number in range(BATCHES_WAITING, 50):
            assert pipe.send(bytes([number]))
        pipe.finish()
    reader.join(10)
    assert got == [bytes([number]) for number in range(50)]


def test_a_pipe_that_was_left_early_fails_whoever_writes() -> None:
    got: list[object] = []
    with Pipe() as pipe:
        reader = threading.Thread(target=taken, args=(pipe, got))
        reader.start()
        pipe.send(b"half")
    reader.join(10)
    assert isinstance(got[-1], Broken)


def test_nobody_waits_for_a_writer_that_is_gone() -> None:
    with Pipe() as pipe:
        pipe.release()
        assert [pipe.send(b"") for _ in range(BATCHES_WAITING + 3)] == [False] * (BATCHES_WAITING + 3)


def test_a_source_that_fails_is_not_hidden() -> None:
    def source() -> Iterator[bytes]:
        yield b""
        raise OSError(5, "Input/output error")

    for how in COMPRESSIONS:
        with pytest.raises(OSError, match="Input/output"):
            list(decompress(source(), how))
