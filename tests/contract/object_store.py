"""Object storage for tests: moto's server as a process of its own, and a relay in front of it that can be held."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from monitor.sources.object_client import connect
from monitor.sources.object_storage import S3Depot

SECRET = "a-secret-that-nobody-may-see"


@dataclass(frozen=True)
class ObjectStore:
    """A server, with a client that may do everything."""

    url: str
    admin: Any

    def credentials(self, folder: Path, key_id: str = "test-identity", secret: str = SECRET) -> Path:
        file = folder / f"{key_id}.ini"
        file.write_text(f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n")
        return file

    def identity(self, folder: Path, name: str, rights: str) -> Path:
        """Make a user who may do only this, and return the file of its credentials."""
        iam = boto3.client("iam", **identity(self.url))
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": rights.split(), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return self.credentials(folder, key["AccessKeyId"], key["SecretAccessKey"])

    @contextmanager
    def rights_enforced(self) -> Iterator[None]:
        """Let the server ask who somebody is, which it does for no other test."""
        self._no_questions(0)
        try:
            yield
        finally:
            self._no_questions(float("inf"))

    def _no_questions(self, requests: float) -> None:
        # As a form, which is what urllib calls bytes, the server would not see them.
        plain = {"Content-Type": "text/plain"}
        url, body = f"{self.url}/moto-api/reset-auth", str(requests).encode()
        ask = urllib.request.Request(url, data=body, headers=plain)  # noqa: S310  # our own server
        urllib.request.urlopen(ask, timeout=10).close()  # noqa: S310  # same

    def depot(self, bucket: str, prefix: str = "", **lock: Any) -> S3Depot:
        self.admin.create_bucket(Bucket=bucket, **({"ObjectLockEnabledForBucket": True} if lock else {}))
        return S3Depot(self.admin, bucket, prefix, **lock)


def identity(url: str, key_id: str = "test-identity", secret: str = SECRET) -> dict[str, Any]:
    return {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": key_id,
        "aws_secret_access_key": secret,
    }


def wait_for(holds: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/moto-api/", timeout=5):  # noqa: S310  # our own server
        return True
    return False


class Relay:
    """A port in front of a server. ``hold`` takes connections and bytes, and says nothing any more."""

    def __init__(self, url: str) -> None:
        self._target = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self.answer_bytes: int | None = None
        """How many bytes of answers are still let through; ``None``: all."""
        self.then_cut = False
        """Whether the connection is cut after them, and later ones are whole; else all of them fall silent."""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:  # noqa: FBT001  # a thread's arguments
        with suppress(OSError):
            while data := source.recv(65536):
                if answers and self.answer_bytes is not None:
                    data = data[: self.answer_bytes]
                    self.answer_bytes -= len(data)
                if data:
                    target.sendall(data)
                if answers and self.answer_bytes == 0 and self.then_cut:
                    self.answer_bytes = None
                    break
            target.shutdown(socket.SHUT_WR)


@contextmanager
def relayed(store: ObjectStore, bucket: str) -> Iterator[tuple[Relay, S3Depot]]:
    """A depot that is reached through a relay, by our own client."""
    relay = Relay(store.url)
    try:
        yield relay, S3Depot(connect(endpoint_url=relay.url, credentials=None), bucket)
    finally:
        relay.close()
