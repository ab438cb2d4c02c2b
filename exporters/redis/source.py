"""The connection that Redis's collectors share."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from exporters.aside import aside
from exporters.collector import CollectError
from exporters.files import certificates
from exporters.reasons import Reason
from exporters.redis.wire import Command, Refusal, Reply, Wire, pack
from exporters.settings import Settings, SettingsError, read_password
from exporters.sources import Bill

_PORT = 6379
_SCHEMES = ("redis", "rediss", "unix")
_WITH_SUBCOMMANDS = {"ACL", "CLIENT", "CLUSTER", "CONFIG", "LATENCY", "SENTINEL", "SLOWLOG"}

_packed = lru_cache(maxsize=64)(pack)


class Redis:
    """One kept connection to one server. Whoever asks waits until the one before has its answers."""

    def __init__(self, settings: Settings, address: SplitResult, tls: ssl.SSLContext | None) -> None:
        self.bill = Bill()
        self.connection = 0
        """Which connection this is; it grows when one is lost."""
        self._settings = settings
        self._address = address
        self._tls = tls
        self._turn = asyncio.Lock()
        self._wire: Wire | None = None

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Check address and password file; the connection opens with the first question, and after a failure."""
        address = urlsplit(settings.redis_uri or "")
        try:
            usable = address.scheme in _SCHEMES and (address.hostname or address.path) and (address.port or 1)
        except ValueError:
            usable = False
        if not usable:
            raise SettingsError("redis_uri should be redis://host:port, rediss://host:port or unix:///path")
        read_password(settings.redis_password_file)
        tls = None
        if address.scheme == "rediss":
            try:
                tls = _trust(settings)
            except OSError as error:
                raise SettingsError(f"cannot read authorities from {settings.redis_ca_file}") from error
        return cls(settings, address, tls)

    async def ask(self, *commands: Command) -> list[Reply]:
        """Send all commands in one write; a command that failed has a ``Refusal`` in its place.

        Raises:
            CollectError: Redis cannot be reached, did not let us in, or does not speak its language.
        """
        async with self._turn:
            try:
                wire = await self._connected()
                return await self._exchange(wire, commands)
            except OSError as error:
                self.drop()
                raise CollectError(Reason.REFUSED) from error
            except BaseException:
                # Also when cancelled: answers still on their way would be taken for those of the next question.
                self.drop()
                raise

    def drop(self) -> None:
        """Hang up. The next question opens a new connection."""
        if self._wire is not None:
            self._wire.abort()
            self._wire = None
            self.connection += 1

    async def close(self) -> None:
        """Hang up for good."""
        self.drop()

    async def _connected(self) -> Wire:
        if self._wire is not None and not self._wire.closed:
            return self._wire
        self.drop()
        wire = self._wire = await self._dial()
        password = await self._password()
        if password is not None:
            user = (self._settings.redis_username,) if self._settings.redis_username else ()
            (answer,) = await self._exchange(wire, (("AUTH", *user, password),))
            if isinstance(answer, Refusal):
                raise CollectError(answer.reason if answer.reason is not Reason.ERROR else Reason.AUTH)
        return wire

    async def _password(self) -> str | None:
        """Read it anew each time, since it may have been changed; aside, since a mount may hang."""
        if self._settings.redis_password is not None:
            return self._settings.redis_password.reveal()
        file = self._settings.redis_password_file
        if file is None:
            return None
        try:
            return await aside(("password", file), partial(read_password, file))
        except SettingsError as error:
            raise CollectError(Reason.AUTH) from error

    async def _dial(self) -> Wire:
        loop = asyncio.get_running_loop()
        if self._address.scheme == "unix":
            _, wire = await loop.create_unix_connection(Wire, unquote(self._address.path))
            return wire
        host, port = self._address.hostname or "localhost", self._address.port or _PORT
        _, wire = await loop.create_connection(Wire, host, port, ssl=self._tls)
        return wire

    async def _exchange(self, wire: Wire, commands: Sequence[Command]) -> list[Reply]:
        packed = pack(commands) if commands[0][0] == "AUTH" else _packed(tuple(commands))
        started = time.perf_counter()
        replies = list(await wire.exchange(packed, len(commands)))
        sent, received = len(packed), wire.received
        for command, ended in zip(commands, wire.times, strict=True):
            # In a pipeline each command's share is the time since the answer before it.
            self.bill.note(name_of(command), ended - started, sent=sent, received=received)
            started, sent, received = ended, 0, 0
        return replies


def _trust(settings: Settings) -> ssl.SSLContext:
    authorities = settings.redis_ca_file
    return ssl.create_default_context(cadata=certificates(authorities) if authorities else None)


def name_of(command: Command) -> str:
    """Name a command as Redis does: ``config|get``."""
    return "|".join(command[:2]).lower() if command[0] in _WITH_SUBCOMMANDS else command[0].lower()
