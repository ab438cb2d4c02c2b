"""A mongodb+srv:// URI is looked up in the DNS: here one that a few lines of this file answer for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

import dns.flags
import dns.message
import dns.resolver
import dns.rrset
import pytest

from exporters.collector import CollectError, Deadline
from exporters.mongodb import MongodbCollector, srv
from exporters.mongodb.source import Member, Mongodb
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings, SettingsError
from exporters.sources import Sources

CLUSTER = "cluster.clinic.example"
RECORDS = {
    (f"_mongodb._tcp.{CLUSTER}.", "SRV"): ("0 0 27017 a.clinic.example.", "0 0 27018 b.clinic.example."),
    (f"{CLUSTER}.", "TXT"): ('"authSource=people&replicaSet=rs0"',),
}


class Names(asyncio.DatagramProtocol):
    """Answers for one cluster."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        asked = question.question[0]
        kind = dns.rdatatype.to_text(asked.rdtype)
        found = RECORDS.get((asked.name.to_text(), kind))
        if found is not None:
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *found))
        self._transport.sendto(answer.to_wire(), addr)


@contextlib.asynccontextmanager
async def names(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    try:
        yield
    finally:
        transport.close()


def test_without_dnspython_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srv, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match="needs the package dnspython, which is not installed"):
        Mongodb.open(Settings(mongodb_uri=f"mongodb+srv://{CLUSTER}/"))


async def test_hosts_and_options_are_those_that_the_dns_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    async with names(monkeypatch):
        found = await asyncio.to_thread(srv.look_up, f"mongodb+srv://{CLUSTER}/?appName=x&srvMaxHosts=0")
        other = await asyncio.to_thread(srv.look_up, f"mongodb+srv://{CLUSTER}/?tls=false&authSource=admin")
    hosts = {"a.clinic.example:27017", "b.clinic.example:27018"}
    place, _, options = found.removeprefix("mongodb://").partition("/?")
    assert set(place.split(",")) == hosts
    assert options == "appName=x&authSource=people&tls=true"
    assert other.endswith("/?tls=false&authSource=admin")


async def test_a_source_looks_them_up_once_and_says_when_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Mongodb.open(Settings(mongodb_uri=f"mongodb+srv://{CLUSTER}/?tls=false"))
    try:
        assert len(source.members) == 0
        async with names(monkeypatch):
            await asyncio.gather(*(source.resolve(Deadline(5)) for _ in range(3)))
        members: tuple[Member, ...] = source.members
        assert {member.name for member in members} == {"a.clinic.example:27017", "b.clinic.example:27018"}
        await source.resolve(Deadline(5))
        assert source.members == members
    finally:
        await source.close()


async def test_a_name_that_nobody_knows_is_a_failure_and_no_set_without_a_member(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources = Sources(Settings(mongodb_uri="mongodb+srv://nobody.clinic.example/"))
    collector = MongodbCollector.make(sources)
    readings = Readings(collector.metrics)
    async with names(monkeypatch):
        with pytest.raises(CollectError) as caught:
            await collector.collect(readings, Deadline(5))
    assert caught.value.reason is Reason.ERROR
    collector.lost(readings, caught.value.reason)
    assert readings.series["mongodb_replset_has_primary"] == ([()], [0])
    await sources.close()
