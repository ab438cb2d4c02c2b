"""``monitor serve`` in this process on a free port, over a real store, and a real Alertmanager that posts to it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path

import pytest
import requests
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from requests.auth import HTTPBasicAuth

from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue
from monitor.settings import Settings
from monitor.store import Store
from monitor.web import make_app
from telemetry.webconfig import WebConfig
from tests.contract.history import asking
from tests.ports import free_address

NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""

NO_PROTECTION = WebConfig()
CATALOGUE = cache(lambda: load(None, "local"))


@asynccontextmanager
async def console(
    directory: Path,
    *,
    prometheus_url: str = NOBODY,
    alertmanager_url: str = NOBODY,
    protection: WebConfig = NO_PROTECTION,
    runbooks: Path | None = None,
    catalogue: Catalogue | None = None,
) -> AsyncIterator[tuple[TestClient[web.Request, web.Application], Store]]:
    settings = Settings(run_dir=directory, prometheus_url=prometheus_url, alertmanager_url=alertmanager_url)
    with Store.migrate(settings.state) as store:
        pages, promised = runbooks or directory / "runbooks", catalogue or CATALOGUE()
        app = make_app(settings, store, promised, protection=protection, runbooks=pages)
        async with TestClient(TestServer(app, host="127.0.0.1")) as client:
            # A handle of its own: the app's belongs to its thread.
            with Store.open(settings.state) as ours:
                yield client, ours


@contextmanager
def alertmanager(directory: Path, hook: str, *, login: tuple[bytes, bytes] | None = None) -> Iterator[str]:
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        pytest.fail("Alertmanager is not installed: the Debian package is prometheus-alertmanager")
    config = {
        "route": {"receiver": "web", "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"},
        "receivers": [{"name": "web", "webhook_configs": [{"url": hook, "send_resolved": True}]}],
    }
    (directory / "alertmanager.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    url = f"http://{free_address()}"
    command = [
        binary,
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
        *asking(login, directory),
    ]
    with (directory / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(f"{url}/-/ready", login)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait(url: str, login: tuple[bytes, bytes] | None) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            requests.get(url, auth=login and HTTPBasicAuth(*login), timeout=2).raise_for_status()
        except OSError:
            assert time.monotonic() < deadline, f"{url} did not come up"
            time.sleep(0.1)
        else:
            return
