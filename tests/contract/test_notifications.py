"""A real Alertmanager delivers to every kind of receiver; what people read is held in golden files.

After a change that is meant: ``UPDATE_GOLDEN=1 pytest tests/contract/test_notifications.py``, and read the difference.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from monitor import clock
from monitor.catalogue import working_hours
from monitor.catalogue.model import Catalogue, WorkingHours
from monitor.check.explained import explain
from monitor.check.routes import rendered
from monitor.routing.walk import mutes
from tests.contract.notification_receivers import (
    CONSOLE,
    ROUND_THE_CLOCK,
    alertmanager,
    clinic,
    inbox,
    mail_part,
    tell,
    version,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "notifications"
BEGAN, ENDED = "2026-03-02T08:15:00Z", "2026-03-02T09:27:20Z"
HOSTILE = (
    '</p><script>alert(1)</script> <!channel> <https://evil.example|Runbook> **bold** [x](y) & "q"\n*RESOLVED*\u202e'
)


NO_LABELS: Mapping[str, str] = {}


def alert(
    name: str, severity: str, *, ends: str = "", labels: Mapping[str, str] = NO_LABELS, **annotations: str
) -> dict[str, Any]:
    said = {
        "summary": "Patients can neither book nor cancel, because the database has no primary.",
        "impact": "Every write fails or waits: about 120 bookings an hour do not get through.",
        "value": "0 primaries; there must be 1.",
        "action": "Open the runbook now. Two members of three must run and see each other to elect a primary.",
        "runbook_url": f"{CONSOLE}/runbooks/{name}",
        "dashboard_url": "https://grafana.clinic.example/d/mongodb?from=1772439300000&to=now&var-set=rs0",
        "query": "max(mongodb_replset_has_primary) == 0",
    }
    return {
        "labels": {"alertname": name, "severity": severity, "team": "sre", "component": "mongodb", **labels},
        "annotations": {name: text for name, text in (said | annotations).items() if text},
        "startsAt": BEGAN,
        **({"endsAt": ends} if ends else {}),
        "generatorURL": "http://prometheus.clinic.example:9090/graph?g0.expr=x",
    }


def held(case: str, **messages: str) -> None:
    """Hold what was received against the golden files of a case."""
    for channel, text in messages.items():
        file = GOLDEN / f"{case}.{channel.replace('_', '.')}"
        if os.environ.get("UPDATE_GOLDEN"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), f"{file.name} differs"


def slack(body: Mapping[str, Any]) -> str:
    (message,) = body["attachments"]
    shown = ("title", "title_link", "color", "fallback", "text")
    return "".join(f"{name}: {message[name]}\n" for name in shown)


def pagerduty(body: Mapping[str, Any]) -> str:
    payload = body.get("payload", {})
    shown = {name: payload[name] for name in ("summary", "severity", "class", "component", "group")}
    shown["firing"] = payload["custom_details"]["firing"]
    return json.dumps(
        {
            "event_action": body["event_action"],
            **shown,
            "client_url": body.get("client_url"),
            "links": body.get("links"),
        },
        indent=1,
    )


def teams(body: Mapping[str, Any]) -> str:
    return json.dumps(body, indent=1, ensure_ascii=False)


def mail(message: EmailMessage) -> dict[str, str]:
    assert message["To"] == "sre@clinic.example"
    plain, html = (mail_part(message, kind) for kind in ("plain", "html"))
    return {"email_txt": f"Subject: {message['Subject']}\n\n{plain}", "email_html": html}


async def test_a_page_and_its_end_read_well_everywhere(tmp_path: Path) -> None:
    async with inbox() as box, alertmanager(tmp_path, clinic(box, tmp_path, version=version())) as url:
        await tell(url, [alert("MongoNoPrimary", "critical")])
        recorded = await box.next("alertmanager")
        held("page", slack_txt=slack(await box.next("slack")), pagerduty_json=pagerduty(await box.next("pagerduty")))
        await tell(url, [alert("MongoNoPrimary", "critical", ends=ENDED)])
        ended = {
            "slack_txt": slack(await box.next("slack", 1)),
            "pagerduty_json": pagerduty(await box.next("pagerduty", 1)),
        }
        held("page-resolved", **ended)
        if version() != "0.25":
            held("page", teams_json=teams(await box.next("teams")))
            held("page-resolved", teams_json=teams(await box.next("teams", 1)))
    assert recorded["receiver"] == "sre-critical"
    assert recorded["alerts"][0]["labels"]["alertname"] == "MongoNoPrimary"
    assert {"email", "rehearsals"}.isdisjoint(box.arrived), "a page is no ticket, and no rehearsal"


async def test_tickets_come_as_one_mail_that_says_how_many(tmp_path: Path) -> None:
    named = [
        alert(
            "TargetMissing",
            "warning",
            labels={"job": "exporters", "instance": f"exporters-{number}"},
            summary=f"exporters (exporters-{number}) is not being watched: its metrics cannot be read.",
            impact="What this target would tell is missing from alerts, SLOs and dashboards.",
            value=f"No answer for {number + 2} min; 1 min is allowed.",
            action="See whether the process runs and its metrics page answers.",
        )
        for number in range(7)
    ]
    async with inbox() as box, alertmanager(tmp_path, clinic(box, tmp_path, version=version())) as url:
        await tell(url, named)
        # The first mail may come before the last alert did.
        held("tickets", **mail(await box.mail("WARNING, 7 alerts: ")))
        await tell(url, [{**one, "endsAt": ENDED} for one in named[:2]])
        held("tickets-some-resolved", **mail(await box.mail("WARNING, 5 alerts: ")))
        await tell(url, [alert("MongoRedundancyLost", "warning")])
        held("ticket", **mail(await box.mail("WARNING: ")))
        await tell(url, [alert("MongoRedundancyLost", "warning", ends=ENDED)])
        held("ticket-resolved", **mail(await box.mail("RESOLVED after 1 h 12 min: ")))
    assert {"slack", "pagerduty"}.isdisjoint(box.arrived), "a ticket wakes nobody"


def hostile(severity: str, **labels: str) -> dict[str, Any]:
    return alert(
        "Hostile",
        severity,
        labels=labels,
        summary=HOSTILE,
        impact=HOSTILE,
        value=HOSTILE,
        action=HOSTILE,
        runbook_url="javascript:alert(1)",
        dashboard_url='https://x.example/"><b>|y',
    )


async def test_text_that_would_be_markup_stays_text(tmp_path: Path) -> None:
    async with inbox() as box, alertmanager(tmp_path, clinic(box, tmp_path, version=version())) as url:
        await tell(url, [hostile("critical")])
        (message,) = (await box.next("slack"))["attachments"]
        paged = await box.next("pagerduty")
        await tell(url, [hostile("warning", component=HOSTILE)])
        mailed = mail(await box.mail("WARNING: "))
        if version() != "0.25":
            held("hostile", teams_json=teams(await box.next("teams")))
    held("hostile", slack_txt=slack({"attachments": [message]}), **mailed)
    whole = message["text"] + message["title"] + message["fallback"]
    assert "<!channel" not in whole
    assert "<https://evil" not in whole
    assert "javascript:" not in whole
    assert "\u202e" not in whole
    assert "\n" not in paged["payload"]["summary"]
    assert "links" not in paged
    assert "<script" not in mailed["email_html"]
    assert "javascript:" not in mailed["email_html"]
    assert "\n*RESOLVED" not in message["text"]


async def test_texts_without_end_are_cut_before_a_channel_refuses_them(tmp_path: Path) -> None:
    endless = "*<" * 50_000
    async with inbox() as box, alertmanager(tmp_path, clinic(box, tmp_path, version=version())) as url:
        texts = alert("Endless", "critical", summary=endless, impact=endless, value=endless, action=endless)
        await tell(url, [texts])
        assert len(json.dumps(await box.next("slack"))) < 40_000
        assert len(json.dumps(await box.next("pagerduty"))) < 40_000
        if version() != "0.25":
            assert len(json.dumps(await box.next("teams"))) < 28_000


async def test_the_links_of_an_incident_are_those_of_what_still_fires(tmp_path: Path) -> None:
    service = {"slo_service": "appointments"}
    over, lasting = (alert(name, "critical", labels=service) for name in ("AlreadyOver", "StillFiring"))
    number = 0
    async with inbox() as box, alertmanager(tmp_path, clinic(box, tmp_path, version=version())) as url:
        await tell(url, [over, lasting])
        # Newer Alertmanagers send numbers, older ones their text.
        while int((await box.next("pagerduty", number))["payload"]["custom_details"]["num_firing"]) != 2:
            number += 1
        await tell(url, [{**over, "endsAt": ENDED}])
        while not int((message := await box.next("pagerduty", number))["payload"]["custom_details"]["num_resolved"]):
            number += 1
    assert message["links"][0]["href"].endswith("/runbooks/StillFiring")


async def test_an_alert_of_others_says_what_it_has_to_say(tmp_path: Path) -> None:
    """Those of kube-prometheus know summary, description and runbook_url, and neither impact nor value nor team."""
    foreign = {
        "labels": {"alertname": "KubeAPIDown", "severity": "critical"},
        "annotations": {"summary": "Target disappeared.", "description": "KubeAPI has disappeared from Prometheus."},
        "startsAt": BEGAN,
    }
    bare = {"labels": {"alertname": "Bare", "severity": "warning"}, "startsAt": BEGAN}
    async with inbox() as box, alertmanager(tmp_path, clinic(box, tmp_path, version=version())) as url:
        await tell(url, [foreign, bare])
        (message,) = (await box.next("slack"))["attachments"]
        paged = (await box.next("pagerduty"))["payload"]
        mailed = mail(await box.mail("WARNING: Bare"))
    assert message["title"] == paged["summary"] == "CRITICAL: Target disappeared."
    assert message["text"].startswith("KubeAPI has disappeared from Prometheus.\n*Since:* ")
    assert "\nKubeAPI has disappeared from Prometheus.\nSince: " in paged["custom_details"]["firing"]
    whole = "".join((message["text"], str(paged), *mailed.values()))
    assert "no value" not in whole
    assert "Impact: \n" not in whole
    assert "[]" not in whole


async def test_a_page_of_another_environment_says_so_first(tmp_path: Path) -> None:
    """One Alertmanager may serve several, and nobody should rise for the one where things are tried out."""
    async with inbox() as box:
        catalogue = clinic(box, tmp_path, version=version())
        named = replace(catalogue, environment=replace(catalogue.environment, name='odd {{ "name" }}'))
        titles = {}
        async with alertmanager(tmp_path, named) as url:
            for number, name in enumerate((named.environment.name, "stage_<b>_1")):
                await tell(url, [alert("MongoNoPrimary", "critical", labels={"environment": name})])
                (message,) = (await box.next("slack", number))["attachments"]
                titles[name] = message["title"], (await box.next("pagerduty", number))["payload"]["summary"]
    own, other = titles.values()
    assert all(title.startswith("CRITICAL: Patients") for title in own)
    assert all(title.startswith("[stage-b-1] CRITICAL: Patients") for title in other)


async def test_a_rehearsal_reaches_those_who_rehearse_and_nobody_else(tmp_path: Path) -> None:
    async with inbox() as box, alertmanager(tmp_path, clinic(box, tmp_path, version=version())) as url:
        await tell(url, [alert("MongoNoPrimary", "critical", labels={"drill": "true"})])
        heard = await box.next("rehearsals")
        recorded = await box.next("alertmanager")
        # A real page behind it: by then the rehearsal would have been sent to people as well. It is not muted by it.
        await tell(url, [alert("MongoRedundancyLost", "warning")])
        await box.next("email")
    assert heard["receiver"] == recorded["receiver"] == "drills"
    assert {"slack", "pagerduty", "teams"}.isdisjoint(box.arrived)


@pytest.mark.parametrize("works", [True, False])
async def test_what_can_wait_is_a_ticket_and_a_page_in_working_hours_alone(tmp_path: Path, works: bool) -> None:  # noqa: FBT001  # a case
    in_three_days = working_hours.DAYS[(datetime.now(UTC).weekday() + 3) % 7]  # noqa: TID251  # Alertmanager looks at its own clock
    hours = ROUND_THE_CLOCK if works else (WorkingHours(days=(in_three_days,), hours=("00:00-24:00",)),)
    async with inbox() as box:
        catalogue = clinic(box, tmp_path, version=version(), contacts={"working_hours": hours})
        async with alertmanager(tmp_path, catalogue) as url:
            await tell(url, [alert("BackupFailed", "critical", labels={"urgency": "working-hours"})])
            subject = (await box.next("email"))["Subject"]
            if works:
                assert (await box.next("pagerduty"))["payload"]["class"] == "BackupFailed"
            await tell(url, [alert("Later", "critical")])
            later = await box.next("pagerduty", 1 if works else 0)
    assert subject.startswith("CRITICAL, in working hours: ")
    assert later["payload"]["class"] == "Later"
    labels = {"team": "sre", "severity": "critical", "urgency": "working-hours"}
    told = explain(rendered(catalogue), labels, clock.now(), catalogue)
    assert told.heard_by == (("pager", "mail") if works else ("mail",)), "as is explained"


@pytest.mark.parametrize("closed", [True, False])
async def test_on_a_holiday_no_booking_makes_a_ticket_and_on_other_days_a_page(tmp_path: Path, closed: bool) -> None:  # noqa: FBT001  # a case
    """The clinic is closed from yesterday to tomorrow, or it was a month ago."""
    today = datetime.now(UTC).date() - timedelta(days=0 if closed else 30)  # noqa: TID251  # Alertmanager looks at its own clock
    days = f"{today - timedelta(days=1)}:{today + timedelta(days=1)}"
    waits = {"urgency": "working-hours"}
    async with inbox() as box:
        contacts = {"holidays": (days,), "working_hours": ROUND_THE_CLOCK}
        catalogue = clinic(box, tmp_path, version=version(), contacts=contacts)
        (rule,) = (rule for group in catalogue.alerts for rule in group.rules if rule.name == "NoBookings")
        async with alertmanager(tmp_path, catalogue) as url:
            posted = [
                alert("NoBookings", "critical", labels=rule.labels),
                alert("BackupFailed", "critical", labels=waits),
            ]
            await tell(url, posted)
            tickets = {(await box.next("email", place))["Subject"] for place in range(1 if not closed else 2)}
            await tell(url, [alert("Later", "critical")])
            pages = {(await box.next("pagerduty", place))["payload"]["class"] for place in range(1 if closed else 3)}
    assert len(tickets) == len(box.arrived["email"]) == (2 if closed else 1)
    assert pages == ({"Later"} if closed else {"NoBookings", "BackupFailed", "Later"})
    told = explain(rendered(catalogue), {"alertname": "NoBookings"}, clock.now(), catalogue)
    assert told.heard_by == (("mail",) if closed else ("pager", "chat", *_teams(catalogue))), "as is explained"


def _teams(catalogue: Catalogue) -> tuple[str, ...]:
    return tuple(receiver.name for receiver in catalogue.contacts.receivers if receiver.kind == "msteams")


async def test_alertmanager_mutes_what_we_say_that_it_mutes(tmp_path: Path) -> None:
    slo, exporter = {"slo": "availability"}, {"instance": "exporters"}
    posted = [
        alert("EdgeHasNoBackend", "critical"),
        alert("EdgeProbeFailed", "critical"),
        alert("ErrorBudgetBurnFast", "critical", labels=slo),
        alert("MongoNoPrimary", "critical", labels={"drill": "true"}),
        alert("MongoRedundancyLost", "warning"),
        alert("MongoRedundancyLost", "warning", labels={"drill": "true"}),
        alert("RedisDown", "warning"),
        alert("DiskAlmostFull", "critical", labels=exporter | {"machine": "own"}),
        alert("MongoDiskAlmostFull", "critical", labels=exporter | {"machine": "own"}),
        alert("MongoDiskAlmostFull", "critical", labels=exporter),
    ]
    alone = [
        alert("ErrorBudgetBurnFast", "critical", labels=slo),
        alert("ErrorBudgetBurnSlow", "warning", labels=slo),
        alert("ErrorBudgetBurnSlow", "warning", labels={"slo": "backup-age"}),
    ]
    async with inbox() as box:
        catalogue = clinic(box, tmp_path, version=version())
        config = rendered(catalogue)
        ours: dict[Any, bool] = {}
        async with alertmanager(tmp_path, catalogue) as url:
            for alerts, firing in ((alone, alone), (posted, [*alone, *posted])):
                await tell(url, alerts)
                labels = [one["labels"] for one in firing]
                ours = {
                    _key(target): any(mutes(rule, source, target) for rule in config.inhibit_rules for source in labels)
                    for target in labels
                }
                assert await muted(url, until=ours) == ours
    assert sum(ours.values()) == 5, (
        "the burn alerts of requests, the probe, the rehearsal's own, the exporter's machine"
    )


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


async def muted(url: str, *, until: Mapping[Any, bool]) -> dict[Any, bool]:
    """What is muted now, by labels; asked again while the newest alerts have not come through to what mutes."""
    found: dict[Any, bool] = {}
    for _ in range(1200):
        async with ClientSession() as session, session.get(f"{url}/api/v2/alerts") as answer:
            found = {_key(one["labels"]): bool(one["status"]["inhibitedBy"]) for one in await answer.json()}
        if found == until:
            break
        await asyncio.sleep(0.05)
    return found
