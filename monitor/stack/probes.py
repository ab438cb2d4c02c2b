"""Asks components whether they are ready, each in its own language, with a deadline and a reason."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import Self, assert_never

import aiohttp
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from monitor.stack.component import HttpProbe, LedgerProbe, MongodbProbe, Probe, PrometheusProbe, RedisProbe

DEADLINE_S = 2.0
"""How long a component may take to answer."""


class Prober:
    """Asks, and keeps the connections between questions. Use as an async context manager."""

    async def __aenter__(self) -> Self:
        """Open the HTTP session."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE_S))
        self._mongodb: dict[str, AsyncMongoClient[dict[str, object]]] = {}
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self._http.close()
        # Each says goodbye to its sessions, and waits a moment for a server that is gone by now.
        await asyncio.gather(*(client.close() for client in self._mongodb.values()))

    async def ask(self, probe: Probe, pid: int) -> str:
        """Return why the component is not ready, or an empty text when it is. Never raises for what it found."""
        try:
            async with asyncio.timeout(DEADLINE_S + 1):
                return await self._ask(probe, pid)
        except TimeoutError:
            return f"no answer within {DEADLINE_S:.0f} s"
        except PyMongoError as error:
            return f"hello failed: {type(error).__name__}"
        except (aiohttp.ClientError, OSError, ValueError, KeyError) as error:
            return f"{type(error).__name__} while asking"

    async def _ask(self, probe: Probe, pid: int) -> str:
        match probe:
            case HttpProbe():
                return await self._ask_http(probe)
            case PrometheusProbe():
                return await self._ask_prometheus(probe)
            case MongodbProbe():
                return await self._ask_mongodb(probe)
            case RedisProbe():
                return await _ask_redis(probe)
            case LedgerProbe():
                return await asyncio.to_thread(_ask_ledger, probe, pid)
            case _:
                assert_never(probe)

    async def _ask_http(self, probe: HttpProbe) -> str:
        async with self._http.get(probe.url, headers=probe.headers, allow_redirects=False) as response:
            return "" if response.status == HTTPStatus.OK else f"answered {response.status}"

    async def _ask_prometheus(self, probe: PrometheusProbe) -> str:
        if reason := await self._ask_http(HttpProbe(url=f"{probe.url}/-/ready")):
            return reason
        async with self._http.get(f"{probe.url}/api/v1/targets", params={"state": "active"}) as response:
            targets = (await response.json())["data"]["activeTargets"]
        if not targets:
            return "has not found its targets yet"
        waiting = sum(target["health"] == "unknown" for target in targets)
        return f"has not scraped {waiting} of {len(targets)} targets yet" if waiting else ""

    async def _ask_mongodb(self, probe: MongodbProbe) -> str:
        client = self._mongodb.get(probe.address)
        if client is None:
            milliseconds = int(DEADLINE_S * 1000)
            client = AsyncMongoClient(
                f"mongodb://{probe.address}",
                directConnection=True,
                serverSelectionTimeoutMS=500,
                connectTimeoutMS=milliseconds,
                socketTimeoutMS=milliseconds,
                maxPoolSize=1,
            )
            self._mongodb[probe.address] = client
        hello = await client.admin.command("hello")
        if not (hello.get("isWritablePrimary") or hello.get("secondary")):
            return "neither primary nor secondary yet"
        return "" if hello.get("primary") else "knows no primary"


async def _ask_redis(probe: RedisProbe) -> str:
    host, _, port = probe.address.rpartition(":")
    password = await asyncio.to_thread(probe.password_file.read_text, encoding="utf-8")
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"AUTH {probe.username} {password.strip()}\r\nPING\r\nQUIT\r\n".encode())
            answers = (await reader.read()).decode(errors="replace").splitlines()
        finally:
            writer.close()
    if answers[:2] == ["+OK", "+PONG"]:
        return ""
    return f"answered {(answers[-2:] or ['nothing'])[0][:40]}"


def _ask_ledger(probe: LedgerProbe, pid: int) -> str:
    # A file's time is wall clock, as is the clock it is held against: the one comparison where that is right.
    newest = max((file.stat().st_mtime for file in probe.directory.glob(f"*-{pid}.jsonl")), default=None)
    if newest is None:
        return "has written no ledger yet"
    quiet_s = time.time() - newest
    return "" if quiet_s < probe.quiet_s else f"the ledger has been quiet for {quiet_s:.0f} s"
