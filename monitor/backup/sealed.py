r"""A depot whose objects nobody reads without a key, and nobody changes or swaps unnoticed.

::

    b"sealed\x00\x01"   what it is, and the version of this form
    4 bytes              the number of the key, big-endian
    the rest             Tink streaming AEAD; associated data is the object's key in the depot

Names and sizes are not hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from monitor.backup.depot import Damaged, Depot
from monitor.backup.keys import Keyset
from monitor.errors import InputError

MAGIC = b"sealed\x00\x01"
HEAD = len(MAGIC) + 4


class NoKey(InputError):  # noqa: N818  # reads as the sentence it is
    """An object is sealed with a key that is not at hand: whether it is good cannot be told."""


class SealedDepot:
    """Seals what is put into ``inner``, and opens what is got from it."""

    def __init__(self, inner: Depot, keyset: Keyset) -> None:
        self.inner = inner
        self.keyset = keyset

    @property
    def name(self) -> str:
        """The inner one's."""
        return self.inner.name

    def put(self, key: str, content: Iterable[bytes]) -> int:
        """Seal and write; returns the size of what is stored."""
        head = MAGIC + self.keyset.primary.to_bytes(4, "big")
        return self.inner.put(key, chain([head], self.keyset.seal(content, key.encode())))

    def get(self, key: str) -> Iterator[bytes]:
        """Read and open.

        Raises:
            KeyError: there is none of that key.
            Damaged: while reading: it is not as it was sealed.
            NoKey: while reading: the keyset does not hold its key.
        """
        return self.opened(key, self.inner.get(key))

    def opens_with_any(self, key: str, stored: bytes) -> bool:
        """Whether any key of the keyset opens a small object, whatever its head says."""
        return any(self._opens(key, stored, key_id) for key_id in self.keyset.ids)

    def _opens(self, key: str, stored: bytes, key_id: int) -> bool:
        _, rest = split(iter([stored]))
        try:
            for _ in self.keyset.open(rest, key.encode(), key_id):
                pass
        except Damaged:
            return False
        return True

    def opened(self, key: str, stream: Iterator[bytes]) -> Iterator[bytes]:
        """Open what was read of an object; raises as ``get`` does while it is read."""
        key_id, rest = split(stream)
        if key_id is None:
            raise Damaged(f"{key} is not sealed, as everything here has to be")
        if key_id not in self.keyset.ids:
            raise NoKey(f"{key} is sealed with the key {key_id}, which is not in the keyset")
        try:
            yield from self.keyset.open(rest, key.encode(), key_id)
        except Damaged as error:
            raise Damaged(f"{key} cannot be opened: {error}") from error

    def keys(self, prefix: str = "") -> list[str]:
        """Return the inner one's keys: names are not hidden."""
        return self.inner.keys(prefix)

    def sizes(self, prefix: str = "") -> Mapping[str, int]:
        """Return what is stored: sealed, it is a little larger."""
        return self.inner.sizes(prefix)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.inner.delete(key)


def sealed_with(stored: Depot, key: str) -> int | None:
    """Return the number of the key that an object is sealed with; ``None`` if it is not sealed.

    Raises:
        KeyError: there is none of that key.
    """
    return split(stored.get(key))[0]


def split(stream: Iterator[bytes]) -> tuple[int | None, Iterator[bytes]]:
    """Return the number of the key that a stored object is sealed with, and the rest of it.

    ``None``, and the whole of it, where it is not sealed.
    """
    begun = b""
    while len(begun) < HEAD and (chunk := next(stream, b"")):
        begun += chunk
    if not begun.startswith(MAGIC) or len(begun) < HEAD:
        return None, chain([begun], stream)
    return int.from_bytes(begun[len(MAGIC) : HEAD], "big"), chain([begun[HEAD:]], stream)
