"""Each link of the way of alerts stopped in turn: somebody is told by another way. Real jobs, real receivers."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor import clock
from monitor.cli import main
from monitor.errors import SettingsError
from monitor.settings import Settings
from monitor.sources.second_channel import open_channel
from monitor.store import Store
from monitor.work.alarm import CHANNEL_ID, watch
from monitor.work.job import Bench
from monitor.work.jobs import plan
from monitor.work.runner import Runner
from monitor.work.scrape import Achieved
from tests.contract.channel_receivers import Receiver, json_receiver, mail_receiver
from tests.contract.test_work_runner import until
from tests.contract.web_server import CATALOGUE, NOBODY

LINKS = ("Prometheus", "Alertmanager", "web")
SILENT_S = 1.0
"""The Watchdog's limit here, for 150 s: looks each 0.1 s, a dead link is told after 0.4 s."""


class Link:
    """Stands for Prometheus, Alertmanager or web: all that is asked of them is whether they are ready."""

    def __init__(self) -> None:
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _Ready)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def runs(self) -> bool:
        return self._server is not None


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Chain:
    """The three links; while all run, the Watchdog comes through."""

    def __init__(self, store: Path) -> None:
        self.links = {name: Link() for name in LINKS}
        self.watchdog_comes = True
        self._store = store
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watchdog, daemon=True)
        self._thread.start()

    def _watchdog(self) -> None:
        with Store(self._store) as store:
            while not self._end.wait(0.05):
                if self.watchdog_comes and all(link.runs for link in self.links.values()):
                    store.put("watchdog", "latest", {"latency_seconds": 0.01})

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        for link in self.links.values():
            link.stop()


@contextmanager
def chain(directory: Path, *addresses: str, heartbeat: str = "") -> Iterator[tuple[Chain, Settings]]:
    secret = directory / "second-channel"
    secret.write_text("# who is told\n" + "\n".join(addresses) + "\n", encoding="utf-8")
    secret.chmod(stat.S_IRUSR)
    if heartbeat:
        (directory / "heartbeat").write_text(heartbeat, encoding="utf-8")
    bare = Settings(run_dir=directory)
    Store.migrate(bare.state).close()
    links = Chain(bare.state)
    settings = Settings(
        run_dir=directory,
        prometheus_url=f"http://127.0.0.1:{links.links['Prometheus'].port}",
        alertmanager_url=f"http://127.0.0.1:{links.links['Alertmanager'].port}",
        web_url=f"http://127.0.0.1:{links.links['web'].port}",
        second_channel_file=secret,
        heartbeat_url_file=directory / "heartbeat" if heartbeat else None,
        watchdog_limit_s=SILENT_S,
    )
    try:
        yield links, settings
    finally:
        links.close()


@asynccontextmanager
async def watching(settings: Settings) -> AsyncIterator[Runner]:
    """Run the two jobs that watch, until the block ends; all else that ``work`` does is left out."""
    with Store.open(settings.state) as store:
        jobs = tuple(job for job in plan(settings, CATALOGUE()) if job.name in {"alert-path", "heartbeat"})
        runner = Runner(Bench(settings=settings, catalogue=CATALOGUE(), store=store), jobs, lambda _: None)
        await runner.start()
        try:
            yield runner
        finally:
            await runner.stop()


def is_whole(settings: Settings) -> bool:
    with Store.open(settings.state) as store:
        path = store.get("watchdog", "path")
    return path is not None and path.body["whole_once"] and path.body["broken_since"] is None


async def test_each_link_that_stops_is_told_by_another_way_once_and_its_end_too(tmp_path: Path) -> None:
    with (
        json_receiver() as told,
        mail_receiver() as mailed,
        chain(
            tmp_path,
            f"json://127.0.0.1:{told.port}/",
            f"mailto://127.0.0.1:{mailed.port}/?from=monitor@clinic.example&to=oncall@clinic.example&mode=insecure",
        ) as (links, settings),
    ):
        async with watching(settings):
            await until(lambda: is_whole(settings))
            for number, name in enumerate(LINKS, start=1):
                links.links[name].stop()
                await until(lambda number=number: len(told.taken) == 2 * number - 1)  # type: ignore[misc]
                # Longer than it took to be told the first time: it is not told again.
                await asyncio.sleep(SILENT_S)
                links.links[name].start()
                await until(lambda number=number: len(told.taken) == 2 * number)  # type: ignore[misc]
            links.watchdog_comes = False
            await until(lambda: len(told.taken) == 7)
        await until(lambda: len(mailed.taken) == 7)
    ends = "Alerts arrive again"
    assert told.titles[:6] == [
        "Alerts do not arrive: Prometheus cannot be reached",
        ends,
        "Alerts do not arrive: Alertmanager cannot be reached",
        ends,
        "Alerts do not arrive: web cannot be reached",
        ends,
    ]
    assert told.titles[6].startswith("Alerts do not arrive: the Watchdog was last seen")
    assert [message["type"] for message in told.taken] == ["failure", "success"] * 3 + ["failure"]
    assert "Prometheus does not say which alerts fire" in told.taken[0]["body"]
    assert "/runbooks/Watchdog" in told.taken[0]["body"]
    assert mailed.titles == told.titles
    assert "No alert reaches anybody (environment local)" in mailed.taken[0]["body"]
    assert "oncall@clinic.example" in mailed.taken[0]["to"]


async def test_the_heartbeat_comes_while_all_runs_and_stops_with_the_chain_and_with_us(tmp_path: Path) -> None:
    with (
        json_receiver() as told,
        json_receiver() as outside,
        chain(tmp_path, f"json://127.0.0.1:{told.port}/", heartbeat=f"http://127.0.0.1:{outside.port}/beat") as (
            links,
            settings,
        ),
    ):
        async with watching(settings):
            await until(lambda: len(outside.taken) >= 2)
            links.links["web"].stop()
            await until(lambda: told.taken)
            beats = len(outside.taken)
            await asyncio.sleep(SILENT_S)
            assert len(outside.taken) == beats, "it went on although web is dead"
            links.links["web"].start()
            await until(lambda: len(outside.taken) >= beats + 2)
        # All stopped: nobody is left to tell anybody, and just that is what is noticed.
        beats = len(outside.taken)
        await asyncio.sleep(SILENT_S)
        assert len(outside.taken) == beats


def look(settings: Settings) -> str:
    with Store.open(settings.state) as store:
        return watch(settings, CATALOGUE(), store, open_channel(settings)).untold


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[tuple[Settings, Receiver, Receiver]]:
    """Give a chain whose Alertmanager has been dead for long, and two receivers; nobody has looked since."""
    with ExitStack() as stack:
        one, two = (stack.enter_context(json_receiver()) for _ in range(2))
        addresses = [f"json://127.0.0.1:{receiver.port}/" for receiver in (one, two)]
        links, settings = stack.enter_context(chain(tmp_path, *addresses))
        links.links["Alertmanager"].stop()
        at = clock.to_rfc3339(clock.now())
        long_ago = "2026-01-01T00:00:00Z"
        with Store.open(settings.state) as store:
            path = {
                "looked_at": at,
                "watching_since": long_ago,
                "whole_once": True,
                "dead_since": {"Alertmanager": long_ago},
                "broken_since": None,
                "bad_at": None,
                "whole_since": None,
                "told": 0,
                "tell_at": None,
                "criticals": [],
                "reasons": [],
            }
            store.put("watchdog", "path", path)
        # Slower than a busy machine: the look that follows must not be held for the first one after a sleep.
        yield replace(settings, watchdog_limit_s=60), one, two


def test_one_address_that_fails_costs_the_others_nothing_and_is_said(
    broken: tuple[Settings, Receiver, Receiver],
) -> None:
    settings, one, two = broken
    one.refuse = True
    assert look(settings) == "the second channel's address 1 did not take the message"
    assert two.titles == ["Alerts do not arrive: Alertmanager cannot be reached"]
    with Store.open(settings.state) as store:
        record = store.get("watchdog", CHANNEL_ID)
    assert record is not None
    assert {"addresses", "sent", "failed"} == record.body.keys()


def test_a_message_that_nobody_took_is_not_held_for_told(broken: tuple[Settings, Receiver, Receiver]) -> None:
    settings, one, two = broken
    one.refuse = two.refuse = True
    assert look(settings) == "the second channel's address 1, 2 did not take the message"
    with Store.open(settings.state) as store:
        path = store.get("watchdog", "path")
    assert path is not None
    assert path.body["told"] == 0


def test_what_fires_unheard_is_in_the_message(
    broken: tuple[Settings, Receiver, Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, one, _ = broken
    monkeypatch.setattr("monitor.work.alarm._criticals", lambda _: ("EdgeHasNoBackend", "MongoNoPrimary"))
    look(settings)
    assert "Critical alerts firing unheard: EdgeHasNoBackend, MongoNoPrimary." in one.taken[0]["body"]


class _SaysThatThePagerFails(_Ready):
    """A Prometheus in which, for whatever is asked, Alertmanager's failing alert fires."""

    def do_GET(self) -> None:
        super().do_GET()
        metric = {"alertname": "AlertmanagerNotificationsFailing", "integration": "pagerduty"}
        result = [{"metric": metric, "value": [clock.now().timestamp(), "1"]}]
        self.wfile.write(json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode())


def test_a_pager_that_refuses_is_told_by_the_other_way(broken: tuple[Settings, Receiver, Receiver]) -> None:
    """Everything runs, and the Watchdog comes; but the alert about the pager goes by the pager."""
    settings, one, _ = broken
    with ThreadingHTTPServer(("127.0.0.1", 0), _SaysThatThePagerFails) as prometheus:
        threading.Thread(target=prometheus.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        says = f"http://127.0.0.1:{prometheus.server_address[1]}"
        # Of the fixture's links web answers for Alertmanager, which it has stopped, and the Watchdog with it.
        with Store.open(settings.state) as store:
            store.put("watchdog", "latest", {"latency_seconds": 0.01})
        look(replace(settings, prometheus_url=says, alertmanager_url=settings.web_url))
        prometheus.shutdown()
    assert one.titles == ["Alerts do not arrive: Alertmanager cannot deliver by pagerduty"]
    assert "Alerts do not reach whoever hears only by that way" in one.taken[0]["body"]
    assert "/runbooks/AlertmanagerNotificationsFailing" in one.taken[0]["body"]


def test_the_page_says_whether_alerts_can_arrive_and_when_the_channel_was_tried(
    broken: tuple[Settings, Receiver, Receiver],
) -> None:
    settings, *_ = broken
    look(settings)
    with Store.open(settings.state) as store:
        bench = Bench(settings=settings, catalogue=CATALOGUE(), store=store)
        page = {family.name: family for family in Achieved(bench, Runner(bench, (), lambda _: None)).collect()}
    assert [sample.value for sample in page["monitor_alert_path_whole"].samples] == [0]
    assert [sample.value for sample in page["monitor_second_channel_addresses"].samples] == [2]
    (sent,) = page["monitor_second_channel_message_timestamp_seconds"].samples
    assert sent.labels == {"outcome": "sent"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("# nobody\n", "names no address"),
        ("json://127.0.0.1/\nnonsense://secret@host\n", "line 2: is no address that apprise understands"),
    ],
)
def test_addresses_that_cannot_be_used_are_one_message_without_the_secret(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "channel"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said) as caught:
        open_channel(Settings(run_dir=tmp_path, second_channel_file=file))
    assert "secret" not in str(caught.value)


def test_a_test_message_can_be_sent_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "channel"
    Store.migrate(Settings(run_dir=tmp_path).state).close()
    with json_receiver() as receiver:
        file.write_text(f"json://127.0.0.1:{receiver.port}/\njson://127.0.0.1:{NOBODY.rpartition(':')[2]}/\n")
        done = CliRunner().invoke(
            main, ["--run-dir", str(tmp_path), "second-channel"], env={"MONITOR_SECOND_CHANNEL_FILE": str(file)}
        )
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    # Whatever configured logging in this process before lets the library's own lines be seen as well.
    said = [line for line in done.output.splitlines() if not line.startswith("{")]
    assert said == ["address 2 did not take the message", "1 of 2 addresses took the message"]
    assert done.exit_code == 1
    assert receiver.titles == ["Test of the second channel"]
