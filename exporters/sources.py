"""What the collectors of one target share: connections, what is known of the target, and what asking it costs."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import Protocol, Self, TypeVar

from exporters.settings import Settings


class Bill:
    """What has been asked of a source since the start: commands by name, and bytes in both directions."""

    __slots__ = ("commands", "received", "seconds", "sent")

    def __init__(self) -> None:
        self.commands: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Time spent waiting for the answers, by command; commands that run side by side are each counted in full."""
        self.sent = 0
        self.received = 0

    def note(self, command: str, seconds: float, *, sent: int = 0, received: int = 0) -> None:
        """Enter one command; its name is one of ours, never something read from outside."""
        self.commands[command] += 1
        self.seconds[command] += seconds
        self.sent += sent
        self.received += received


class Source(Protocol):
    """Connections to one system. Opened once, used by several collectors, closed after all of them."""

    bill: Bill

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Build it inside the running event loop; reaches out to nobody yet.

        Raises:
            SettingsError: what the settings say cannot be used.
        """
        ...

    async def close(self) -> None:
        """Give back everything."""
        ...


_S = TypeVar("_S", bound=Source)


class Sources:
    """The sources of one target, each made when a collector first asks for it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._opened: dict[type[Source], Source] = {}

    def use(self, kind: type[_S]) -> _S:
        """Return the one source of this kind.

        Raises:
            SettingsError: what the settings say cannot be used.
        """
        found = self._opened.get(kind)
        if not isinstance(found, kind):
            found = self._opened[kind] = kind.open(self.settings)
        return found

    def bills(self) -> dict[str, Bill]:
        """Return each source's bill, by the lower-case name of its class."""
        return {kind.__name__.lower(): source.bill for kind, source in self._opened.items()}

    async def close(self) -> None:
        """Close all sources."""
        await asyncio.gather(*(source.close() for source in self._opened.values()))
        self._opened.clear()
