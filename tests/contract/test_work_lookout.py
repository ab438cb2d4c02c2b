"""Schedules and scrapes know what lies in a bucket, and do not wait for one that is ill."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from monitor.settings import Settings
from monitor.work import lookout
from monitor.work.lookout import Lookout
from tests.contract.object_store import ObjectStore

pytest_plugins = ("tests.contract.object_store_fixtures",)
pytestmark = pytest.mark.usefixtures("identity_of_tests")


def test_a_bucket_is_looked_at_in_the_background(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    depot = object_store.depot("seen", "clinic/")
    settings = Settings(backup_store="s3://seen/clinic", backup_endpoint_url=object_store.url)
    watch = Lookout()
    assert watch.backups(settings) == ()
    depot.put("20261122T100000Z-full-0001/dump/x", [b"x"])
    assert watch.backups(settings) == ()
    watch.forget()
    seen = watch.backups(settings)
    assert seen is not None
    assert [(row.id, row.state) for row in seen] == [("20261122T100000Z-full-0001", "incomplete")]


def test_nobody_waits_for_storage_that_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lookout, "PATIENCE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(backup_store="s3://silent", backup_endpoint_url=url)
        watch, begun = Lookout(), time.monotonic()
        assert [watch.backups(settings) for _ in range(3)] == [None, None, None]
        assert time.monotonic() - begun < 10, "each try takes its 15 s"
