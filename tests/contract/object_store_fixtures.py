"""The fixtures of object storage, as a plugin that tests name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import boto3
import pytest

from tests.contract.object_store import SECRET, ObjectStore, answers, identity, wait_for
from tests.ports import free_ports


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    (port,) = free_ports("moto").values()
    url = f"http://127.0.0.1:{port}"
    log = (tmp_path_factory.mktemp("moto") / "log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
    )
    try:
        wait_for(lambda: server.poll() is None and answers(url))
        yield ObjectStore(url, boto3.client("s3", **identity(url)))
    finally:
        server.kill()
        server.wait()
        log.close()


@pytest.fixture
def identity_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """What boto3 finds in the environment, where no file is named."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-identity")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
