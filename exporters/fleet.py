"""All that is watched: this exporter's own page, and the named targets beside it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from exporters.collectors import choose
from exporters.files import content
from exporters.process import Process
from exporters.scrape import Scraper
from exporters.secrets import Password
from exporters.settings import OF_THE_PROCESS, Settings, SettingsError
from exporters.sources import Sources

_CLOSE_LIMIT = 2.0
"""Seconds that closing connections may take: saying goodbye to a frozen server takes for ever."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One target; ``mark`` changes with anything that it was built from, a password's file included."""

    mark: bytes
    scraper: Scraper

    async def close(self) -> None:
        """Finish what is under way and give everything back, in bounded time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_LIMIT):
                await self.scraper.close()


@dataclass(frozen=True, slots=True)
class Fleet:
    """What one reading of the settings leads to. Named targets start with their first scrape."""

    main: Watched
    targets: Mapping[str, Watched]

    @classmethod
    def of(
        cls, settings: Settings, targets: Mapping[str, Settings], process: Process, before: Fleet | None = None
    ) -> Fleet:
        """Build everything, taking over unchanged from ``before`` what would be built the same; reaches out to nobody.

        Raises:
            SettingsError: something cannot be built; every fault is named with its target.
        """
        faults: list[str] = []
        known = dict(before.all()) if before is not None else {}
        built: dict[str | None, Watched] = {}
        everything: list[tuple[str | None, Settings]] = [(None, settings), *targets.items()]
        for name, one in everything:
            try:
                mark = _mark(one)
                old = known.get(name)
                if old is None or old.mark != mark:
                    old = Watched(mark, _scraper(one, name, process))
                built[name] = old
            except SettingsError as error:
                where = f"{settings.targets_file}: [{name}]: " if name is not None else ""
                faults += [where + fault for fault in str(error).splitlines()]
        if faults:
            raise SettingsError("\n".join(faults))
        return cls(built.pop(None), {name: watched for name, watched in built.items() if name is not None})

    def all(self) -> Iterator[tuple[str | None, Watched]]:
        """Yield everything with its name; the exporter's own page has none."""
        yield None, self.main
        yield from self.targets.items()

    async def close(self, *, but: Fleet | None = None) -> None:
        """Close everything except what ``but`` has taken over."""
        kept = {id(watched) for _, watched in but.all()} if but is not None else set()
        await asyncio.gather(*(watched.close() for _, watched in self.all() if id(watched) not in kept))


def _scraper(settings: Settings, name: str | None, process: Process) -> Scraper:
    kinds = choose(settings, local=name is None)
    if not kinds:
        raise SettingsError("there is nothing to watch: give mongodb_uri, redis_uri or probe_url")
    sources = Sources(settings)
    return Scraper([kind.make(sources) for kind in kinds], sources, process if name is None else None)


def _mark(settings: Settings) -> bytes:
    """Digest what a target is built from, so that a new password or certificate in an old file is seen."""
    digest = hashlib.sha256()
    for one in fields(settings):
        value = getattr(settings, one.name)
        if one.name in OF_THE_PROCESS:
            continue
        digest.update(f"{one.name}={value.reveal() if isinstance(value, Password) else repr(value)}\0".encode())
        if one.name.endswith("_file") and isinstance(value, Path):
            with contextlib.suppress(OSError):
                digest.update(content(value))
    return digest.digest()
