"""The MongoDB servers that are watched: one client each, shared by every collector that asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Self
from urllib.parse import parse_qsl, unquote, urlencode

from pymongo.errors import ConfigurationError

from exporters.aside import aside
from exporters.collector import Deadline
from exporters.mongodb import srv
from exporters.mongodb.faults import plainly
from exporters.mongodb.member import SPARE, Access, Document, Member
from exporters.mongodb.names import matched
from exporters.settings import Settings, SettingsError, read_password
from exporters.sources import Bill

__all__ = ["Document", "Member", "Mongodb", "split"]

_DROPPED = frozenset({"replicaset", "directconnection", "readpreference", "loadbalanced"})
"""Options of a URI that are about a set; each member is asked alone."""


class Mongodb:
    """The members that the URI names, and those that the replica set says it has besides."""

    def __init__(
        self, seeds: Iterable[str], access: Access, *, discover: bool = True, look_up: str | None = None
    ) -> None:
        """``look_up`` is a mongodb+srv:// URI that stands for the seeds."""
        self.bill = Bill()
        self.discover = discover
        self._look_up = look_up
        self._looking_up = asyncio.Lock()
        self._access = access
        self._seeds = tuple(dict.fromkeys(seeds))
        self._members = {name: Member(name, access, self.bill) for name in self._seeds}
        self._closing: set[asyncio.Task[None]] = set()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Prepare a client for each host of the URI; they connect with the first command.

        Raises:
            SettingsError: the URI is malformed.
        """
        given = settings.mongodb_password
        password = given.reveal() if given is not None else read_password(settings.mongodb_password_file)
        try:
            uri = settings.mongodb_uri or ""
            is_srv = uri.startswith(f"{srv.SCHEME}://")
            if is_srv:
                srv.check()
            names, options = split(uri)
            access = Access(options, settings.mongodb_username, password)
            return cls(
                [] if is_srv else names, access, discover=settings.mongodb_discover, look_up=uri if is_srv else None
            )
        except (ConfigurationError, ValueError) as error:
            raise SettingsError(f"mongodb_uri is not usable: {error}") from error

    async def resolve(self, deadline: Deadline) -> None:
        """Look up whom a mongodb+srv:// URI stands for; once, since from then on the set itself says who is in it.

        Raises:
            CollectError: the DNS does not say so, or not in time.
        """
        if self._look_up is None:
            return
        with plainly():
            async with deadline.guard(spare=SPARE), self._looking_up:
                if self._look_up is None:
                    return
                names, options = split(await aside(("srv", self._look_up), partial(srv.look_up, self._look_up)))
                self._access = replace(self._access, options=options)
                self._seeds = tuple(names)
                self._members = {name: Member(name, self._access, self.bill) for name in names}
                self._look_up = None

    @property
    def members(self) -> tuple[Member, ...]:
        """Who is watched now; changes when the replica set does."""
        return tuple(self._members.values())

    @property
    def struggling(self) -> bool:
        """Whether nobody is left to be asked costly questions: all who answer have more important things to do.

        One that struggles is left out, and is no reason to leave the others unread.
        """
        answering = [member for member in self.members if member.up]
        asked = [member for member in answering if member.bears_data] or answering
        return bool(asked) and all(member.struggling for member in asked)

    async def follow(self, names: Iterable[str], *, certain: bool) -> tuple[Member, ...]:
        """Watch those whom the replica set names as well, and return who is new.

        ``certain`` says that the list is the primary's own: who is missing from it has been removed from the set.
        What the URI names is watched for ever.
        """
        if not self.discover:
            return ()
        named = set(names)
        seeds = {self._members[name].own_name for name in self._seeds}
        for name in list(self._members) if certain else ():
            if name not in self._seeds and (name not in named or name in seeds):
                self._forget(name)
        unknown = named - seeds - self._members.keys()
        silent = [name for name in self._seeds if not self._members[name].is_known and name not in named]
        if unknown and silent:
            unknown -= await self._recognize(silent, sorted(unknown))
        fresh = {name: Member(name, self._access, self.bill) for name in sorted(unknown)}
        self._members |= fresh
        return tuple(fresh.values())

    async def _recognize(self, silent: list[str], unknown: list[str]) -> frozenset[str]:
        """Return those names that are, or may be, seeds that never answered; whom we recognize we call by it."""
        silent = [name for name in silent if self._members[name].own_name == name]
        same, doubtful = await matched(silent, unknown)
        for seed, name in same.items():
            self._members[seed].own_name = name
        return doubtful | frozenset(same.values())

    def _forget(self, name: str) -> None:
        task = asyncio.create_task(self._members.pop(name).close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*self._closing, *(member.close() for member in self.members))


def split(uri: str) -> tuple[list[str], str]:
    """Take a replica set's URI apart: the names of its hosts, each with its port, and the options for each alone.

    Raises:
        ValueError: it is no mongodb:// or mongodb+srv:// URI.
    """
    scheme, separator, rest = uri.partition("://")
    if scheme not in {"mongodb", srv.SCHEME} or not separator or not rest:
        raise ValueError("it should be mongodb://host:port,host:port/?replicaSet=name")
    place, _, query = rest.partition("?")
    options = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0].lower() not in _DROPPED]
    listed, _, database = place.partition("/")
    if database and not any(name.lower() in {"authsource", "authmechanism"} for name, _ in options):
        options.append(("authSource", unquote(database)))  # where the driver looks for users then, in the whole URI
    hosts = [host for host in listed.split(",") if host]
    names = [host if ":" in host.rpartition("]")[2] else f"{host}:27017" for host in hosts]
    return names, urlencode([*options, ("directConnection", "true")])
