"""The monitor's own way to people, for when the way by which alerts come is broken. Calls block, with deadlines.

It is apprise, in this process: nothing of Prometheus, Alertmanager or web is on it. Its addresses (``mailto://``,
``slack://``, ``pagerduty://``, ``json://``, ...) carry passwords and tokens, so they are read from a file, one on a
line, and named in messages only by their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from apprise import Apprise, NotifyFormat, NotifyType

from monitor.errors import SettingsError
from monitor.settings import Settings, read_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of one message: how many addresses took it, and the numbers of those that did not."""

    taken: int
    failed: tuple[int, ...]

    @property
    def reached(self) -> bool:
        """Whether anybody was told."""
        return self.taken > 0


class Channel(Protocol):
    """Takes a message to people."""

    def __len__(self) -> int:
        """How many addresses there are."""

    def tell(self, title: str, body: str, *, resolved: bool = False) -> Delivery:
        """Send one message to every address."""


class SecondChannel:
    """Addresses that apprise knows how to reach.

    Raises:
        SettingsError: there is none, or one that apprise does not understand.
    """

    def __init__(self, addresses: str, place: str) -> None:
        self._targets = [_target(address, place, number) for number, address in _numbered(addresses)]
        if not self._targets:
            raise SettingsError(f"{place} names no address: write one a line, as mailto://, slack://, pagerduty://")

    def __len__(self) -> int:
        """How many addresses there are."""
        return len(self._targets)

    def tell(self, title: str, body: str, *, resolved: bool = False) -> Delivery:
        """Send one message to every address; one that fails costs the others nothing."""
        kind = NotifyType.SUCCESS if resolved else NotifyType.FAILURE
        failed = tuple(
            number
            for number, target in enumerate(self._targets, start=1)
            if not target.notify(title=title, body=body, notify_type=kind, body_format=NotifyFormat.TEXT)
        )
        return Delivery(taken=len(self._targets) - len(failed), failed=failed)


def open_channel(settings: Settings) -> SecondChannel:
    """Read the addresses.

    Raises:
        SettingsError: the file cannot be read, or holds no address, or one that apprise does not understand.
    """
    return SecondChannel(read_secret(settings.second_channel_file, "second_channel"), str(settings.second_channel_file))


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _target(address: str, place: str, line: int) -> Apprise:
    target = Apprise()
    if not target.add(address):
        # The address is a secret: it is not shown.
        raise SettingsError(f"{place}, line {line}: is no address that apprise understands; it is not shown here")
    return target
