"""What runs, and how it is read anew while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from functools import partial
from ssl import SSLContext

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporters import files, targets
from exporters.aside import aside
from exporters.fleet import Fleet
from exporters.process import Process
from exporters.settings import OF_THE_PROCESS, Settings, SettingsError
from telemetry import logs, webconfig

log = logs.get_logger()

_RE_READ = {"targets_file", "web_config_file", "log_level"}
"""Of what belongs to the whole process, what a reload can change."""
_READ_LIMIT = 10.0
"""Seconds that a reload waits for its files."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that the files say at one moment."""

    settings: Settings
    targets: dict[str, Settings]
    protection: webconfig.WebConfig
    contents: files.Contents
    """Of the files with secrets and certificates of all that is watched."""

    @classmethod
    def read(cls, settings: Callable[[], Settings]) -> Configuration:
        """Read all files.

        Raises:
            SettingsError: one of them cannot be used.
        """
        found = settings()
        try:
            protection = webconfig.load(found.web_config_file)
        except webconfig.WebConfigError as error:
            raise SettingsError(str(error)) from error
        if not found.is_loopback and not protection.users:
            raise SettingsError(
                f"listen = {found.listen!r} is reachable from other machines, "
                f"and {found.web_config_file} names no basic_auth_users"
            )
        watched = targets.read(found.targets_file)
        contents = files.read(file for one in (found, *watched.values()) for file in one.files)
        return cls(found, watched, protection, contents)


class Service:
    """The running exporters: what they watch and who may ask them, replaced as a whole or not at all."""

    def __init__(self, read: Callable[[], Settings], configuration: Configuration) -> None:
        """``read`` gives the settings anew; to be called inside the running event loop.

        Raises:
            SettingsError: what the configuration asks for cannot be built.
        """
        self.process = Process()
        self.fault: str | None = None
        """Why the last reload failed, for people."""
        self.address = configuration.settings.listen
        """Where the exporters listen."""
        self.serve: Callable[[SSLContext | None], Awaitable[None]] | None = None
        """Called with the certificate that new callers should meet."""
        with files.known(configuration.contents):
            self.fleet = Fleet.of(configuration.settings, configuration.targets, self.process)
        self._read = read
        self._settings = configuration.settings
        self._protection = configuration.protection
        self._users = webconfig.require_users(configuration.protection)
        self._one_at_a_time = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    def require_users(self) -> Middleware:
        """Return a middleware that lets in those whom the last good web-config file names."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._users(request, handler)

        return middleware

    async def start(self) -> None:
        """Begin the background work."""
        await self.fleet.main.scraper.start()

    async def close(self) -> None:
        """Close everything."""
        await asyncio.gather(self.fleet.close(), *self._leaving)

    async def reload(self) -> None:
        """Read every file again; what did not change goes on untouched, and what did is closed once it is finished.

        Raises:
            SettingsError: something is wrong; then everything is as it was.
        """
        async with self._one_at_a_time:
            started = time.monotonic()
            try:
                fleet = await self._replaced()
            except SettingsError as error:
                self.process.reload_successful, self.fault = False, str(error)
                log.warning("exporters.reload_failed", error=error)
                raise
            self.process.reload_successful, self.process.reload_succeeded_at, self.fault = True, time.time(), None
            changed = sum(1 for one in dict(fleet.all()).values() if one not in dict(self.fleet.all()).values())
            before, self.fleet = self.fleet, fleet
            await fleet.main.scraper.start()
            self._retire(before)
            log.info(
                "exporters.reloaded",
                targets=len(fleet.targets),
                changed=changed,
                seconds=time.monotonic() - started,
            )

    async def _replaced(self) -> Fleet:
        configuration = await self._configuration()
        fixed = [
            field.name
            for field in fields(Settings)
            if field.name in OF_THE_PROCESS - _RE_READ
            and getattr(configuration.settings, field.name) != getattr(self._settings, field.name)
        ]
        if fixed:
            raise SettingsError(f"{', '.join(fixed)} cannot change while the exporters run: restart them")
        with files.known(configuration.contents):
            fleet = Fleet.of(configuration.settings, configuration.targets, self.process, self.fleet)
        if self.serve is not None and (configuration.protection.ssl_context or self._protection.ssl_context):
            await self.serve(configuration.protection.ssl_context)
        logs.configure("exporters", level=configuration.settings.log_level)
        if configuration.protection.users != self._protection.users:
            self._users = webconfig.require_users(configuration.protection)
        self._settings, self._protection = configuration.settings, configuration.protection
        return fleet

    async def _configuration(self) -> Configuration:
        """Read all files. They may be on a slow disk, or a dead one: whoever is being served does not wait for that."""
        try:
            async with asyncio.timeout(_READ_LIMIT):
                return await aside(("configuration", id(self)), partial(Configuration.read, self._read))
        except TimeoutError as error:
            raise SettingsError(f"the files could not be read within {_READ_LIMIT:g} s: does a mount hang?") from error

    def _retire(self, before: Fleet) -> None:
        task = asyncio.create_task(before.close(but=self.fleet))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
