"""Real servers that ask for user and password; and that no password ever stands in what we print or show."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor import clock
from monitor.cli import main
from monitor.errors import Unavailable
from monitor.settings import Settings
from monitor.sources.alertmanager import active_alerts
from monitor.sources.prometheus import connect
from tests.contract.history import History, serve
from tests.contract.web_server import NOBODY, alertmanager, console

LOGIN = (b"monitor", "pässwörd-密".encode())
WRONG = (b"monitor", b"guessed")


def settings(directory: Path, password: bytes, **fields: str) -> Settings:
    file = directory / "password"
    file.write_bytes(password + b"\n")
    user = LOGIN[0].decode()
    return Settings(
        run_dir=directory,
        prometheus_username=user,
        prometheus_password_file=file,
        alertmanager_username=user,
        alertmanager_password_file=file,
        **fields,  # type: ignore[arg-type]  # the URLs of a test
    )


def test_prometheus_is_asked_with_user_and_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History()
    history.add("up", {}, [(clock.now(), 1.0)])
    with serve(history, tmp_path, login=LOGIN) as running:
        with connect(settings(tmp_path, LOGIN[1], prometheus_url=running.url)) as prometheus:
            assert prometheus.instant("vector(1)")[0].value == 1
        monkeypatch.setenv("MONITOR_PROMETHEUS_USERNAME", LOGIN[0].decode())
        monkeypatch.setenv("MONITOR_PROMETHEUS_PASSWORD_FILE", str(tmp_path / "password"))
        checked = CliRunner().invoke(main, ["check", "--prometheus", running.url])
        assert checked.exit_code == 1, checked.output  # it scrapes nothing, so everything is missing
        with connect(settings(tmp_path, WRONG[1], prometheus_url=running.url)) as stranger:
            with pytest.raises(Unavailable, match="check prometheus_username") as caught:
                stranger.instant("vector(1)")
            assert WRONG[1].decode() not in str(caught.value)


def test_alertmanager_is_asked_with_user_and_password(tmp_path: Path) -> None:
    with alertmanager(tmp_path, NOBODY, login=LOGIN) as url:
        told = settings(tmp_path, LOGIN[1], alertmanager_url=url)
        assert active_alerts(url, login=told.alertmanager_login()) == ()
        for login in (None, WRONG):
            with pytest.raises(Unavailable, match=r"answered 401.*check alertmanager_username"):
                active_alerts(url, login=login)


async def test_an_address_is_shown_without_its_path(tmp_path: Path) -> None:
    """A path, too, may be the secret by which a proxy knows its callers."""
    async with console(tmp_path, prometheus_url=f"{NOBODY}/s3cret") as (client, _):
        for path in ("/", "/api/v1/slos"):
            text = await (await client.get(path)).text()
            assert NOBODY in text
            assert "s3cret" not in text
    with pytest.raises(Unavailable, match="cannot reach Alertmanager") as caught:
        active_alerts(f"{NOBODY}/s3cret")
    assert "s3cret" not in str(caught.value)
