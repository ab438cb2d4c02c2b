"""Whoever Alertmanager notifies, on this machine: webhook, Slack, PagerDuty and Teams by HTTP, and mail by SMTP."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, Contacts, Receiver, Team, WorkingHours
from monitor.render.alertmanager import PATH, alertmanager_config
from monitor.render.notifications import PATH as TEMPLATES
from monitor.render.notifications import notification_templates
from tests.ports import free_address

CONSOLE = "https://monitor.clinic.example"
ROUND_THE_CLOCK = (WorkingHours(days=("monday:sunday",), hours=("00:00-24:00",)),)


@dataclass(slots=True)
class Inbox:
    """What arrived, by channel, in its order."""

    http: str = ""
    smtp: str = ""
    arrived: dict[str, list[Any]] = field(default_factory=dict)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, channel: str, body: Any) -> None:
        async with self.news:
            self.arrived.setdefault(channel, []).append(body)
            self.news.notify_all()

    async def next(self, channel: str, number: int = 0, *, within_s: float = 60) -> Any:
        async with asyncio.timeout(within_s), self.news:
            await self.news.wait_for(lambda: len(self.arrived.get(channel, ())) > number)
        return self.arrived[channel][number]

    async def mail(self, subject: str) -> EmailMessage:
        """The first mail whose subject begins so."""
        number = 0
        while not (message := await self.next("email", number))["Subject"].startswith(subject):
            number += 1
        assert isinstance(message, EmailMessage)
        return message


@asynccontextmanager
async def inbox() -> AsyncIterator[Inbox]:
    box = Inbox()

    async def post(request: web.Request) -> web.Response:
        channel = request.match_info["channel"]
        await box.take(channel, await request.json())
        return (
            web.json_response({"status": "success"}, status=202) if channel == "pagerduty" else web.Response(text="ok")
        )

    app = web.Application()
    app.router.add_post("/hooks/{channel}", post)
    async with TestServer(app, host="127.0.0.1") as server:
        box.http = str(server.make_url("")).rstrip("/")
        mail = await asyncio.start_server(lambda reader, writer: _smtp(box, reader, writer), "127.0.0.1", 0)
        async with mail:
            box.smtp = f"127.0.0.1:{mail.sockets[0].getsockname()[1]}"
            yield box


async def _smtp(box: Inbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # A sender that is stopped in the middle hangs up; whatever was not sent then is not awaited by any test.
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        await _take_mail(box, reader, writer)
    writer.close()


async def _take_mail(box: Inbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As much of RFC 5321 as one sender needs."""

    async def say(text: str) -> None:
        writer.write(f"{text}\r\n".encode())
        await writer.drain()

    await say("220 mail.test ESMTP")
    while line := (await reader.readline()).decode().strip():
        match line.split()[0].upper():
            case "EHLO" | "HELO":
                await say("250 mail.test")
            case "DATA":
                await say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                await box.take(
                    "email", email.message_from_bytes(raw[:-3].replace(b"\n..", b"\n."), policy=email.policy.default)
                )
                await say("250 taken")
            case "QUIT":
                await say("221 bye")
                break
            case _:
                await say("250 ok")


def mail_part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


def clinic(box: Inbox, folder: Path, *, version: str, contacts: Mapping[str, Any] | None = None) -> Catalogue:
    """The bundled catalogue with everybody listening here: critical pages and chats, warnings are mailed."""
    overrides = {
        "console_url": CONSOLE,
        "webhook_url": box.http,
        "runbook_url": f"{CONSOLE}/runbooks",
        # Alerts that began longer ago than this are sent at once.
        "group_wait": "0s",
        "group_interval": "1s",
        "alertmanager_version": version,
    }
    (folder / "slack-url").write_text(f"{box.http}/hooks/slack")
    (folder / "teams-url").write_text(f"{box.http}/hooks/teams")
    (folder / "pagerduty-key").write_text("0123456789abcdef0123456789abcdef")
    receivers = [
        Receiver(name="console", kind="webhook", settings={}),
        Receiver(
            name="pager",
            kind="pagerduty",
            settings={"routing_key_file": str(folder / "pagerduty-key"), "url": f"{box.http}/hooks/pagerduty"},
        ),
        Receiver(
            name="chat", kind="slack", settings={"api_url_file": str(folder / "slack-url"), "channel": "#on-call"}
        ),
        Receiver(
            name="mail",
            kind="email",
            settings={
                "to": "sre@clinic.example",
                "from": "alerts@clinic.example",
                "smarthost": box.smtp,
                "require_tls": "false",
            },
        ),
        Receiver(name="rehearsals", kind="webhook", settings={"url": f"{box.http}/hooks/rehearsals"}),
    ]
    critical = ["pager", "chat"]
    if tuple(int(part) for part in version.split(".")) >= (0, 28):
        teams = {"webhook_url_file": str(folder / "teams-url")}
        receivers.append(Receiver(name="teams", kind="msteams", settings=teams))
        critical.append("teams")
    team = Team(name="sre", critical=tuple(critical), warning=("mail",), critical_working_hours=("pager",))
    who = Contacts(teams=(team,), receivers=tuple(receivers), drills=("rehearsals",))
    catalogue = load(None, "local", environment_overrides=overrides)
    return replace(catalogue, contacts=replace(who, **(contacts or {})))


@asynccontextmanager
async def alertmanager(folder: Path, catalogue: Catalogue) -> AsyncIterator[str]:
    """Run the real one on what the catalogue becomes."""
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        pytest.fail("Alertmanager is not installed: the Debian package is prometheus-alertmanager")
    for path, text in (
        (PATH, alertmanager_config(catalogue)),
        (TEMPLATES, notification_templates(catalogue.environment)),
    ):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    address = free_address()
    command = [
        binary,
        f"--config.file={folder / PATH}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (folder / "alertmanager.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        await _ready(f"http://{address}/-/ready", folder / "alertmanager.log")
        yield f"http://{address}"
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), timeout=60)


async def _ready(url: str, log: Path) -> None:
    try:
        async with asyncio.timeout(60), ClientSession() as session:
            while True:
                try:
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                except OSError:
                    pass
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"Alertmanager did not come up: {log}")


async def tell(url: str, alerts: Sequence[Mapping[str, Any]]) -> None:
    """Send alerts as Prometheus does."""
    async with ClientSession() as session, session.post(f"{url}/api/v2/alerts", json=list(alerts)) as answer:
        assert answer.status == 200, await answer.text()


def version() -> str:
    """The version of the Alertmanager on PATH: what is generated must be for that one."""
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert binary, "Alertmanager is not installed: the Debian package is prometheus-alertmanager"
    done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version (\d+\.\d+)", done.stdout + done.stderr)
    assert found, done
    return found[1]
