"""Snapshots of a real Redis: taken by its least user, loaded again, and what was damaged is told."""

from __future__ import annotations

import hashlib
import itertools
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from monitor.backup import documents
from monitor.backup.depot import LocalDepot
from monitor.backup.redis import newest, snapshots, take, verify
from monitor.errors import InputError, Unavailable
from monitor.sources.redis_wire import Address
from monitor.stack.programs import locate
from tests.ports import free_ports

PASSWORD = "a-password-of-this-test"
CANARY = "canary-birdsong"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis_py.Redis]:
    folder = tmp_path_factory.mktemp("redis")
    port = free_ports("redis")["redis"]
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    (folder / "users.acl").write_text(
        f"user default on nopass ~* &* +@all\nuser least on #{digest} -@all +sync +psync +replconf\n"
        f"user backup on #{digest} -@all +sync +psync +replconf +info\nuser nobody on #{digest} -@all\n"
    )
    arguments = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--databases", "64")
    at_once = ("--repl-diskless-sync-delay", "0")
    process = subprocess.Popen(
        [locate("redis-server"), *arguments, *at_once, "--aclfile", str(folder / "users.acl")], stdin=subprocess.DEVNULL
    )
    client = redis_py.Redis(port=port)
    try:
        ends = time.monotonic() + 60
        while not answers(client):
            assert time.monotonic() < ends
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()


def answers(client: redis_py.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis_py.RedisError:
        return False


@pytest.fixture
def filled(server: redis_py.Redis) -> redis_py.Redis:
    server.flushall()
    pipe = server.pipeline(transaction=False)
    for number in range(2000):
        pipe.set(f"slots:{number}", f"{CANARY}-{number}", ex=3600 if number % 2 else None)
    pipe.sadd("a-set", *map(str, range(600)))
    pipe.hset("a-hash", mapping={str(number): number for number in range(600)})
    pipe.zadd("a-zset", {str(number): number / 3 for number in range(300)})
    pipe.rpush("a-list", *map(str, range(300)))
    pipe.xadd("a-stream", {"field": "value"})
    pipe.execute()
    elsewhere = redis_py.Redis(port=port_of(server), db=40)
    elsewhere.set("another", "database")
    elsewhere.close()
    return server


def port_of(server: redis_py.Redis) -> int:
    return int(server.connection_pool.connection_kwargs["port"])


def address(server: redis_py.Redis, user: str = "backup", **more: Any) -> Address:
    return Address(uri=f"redis://127.0.0.1:{port_of(server)}/0", username=user, password=PASSWORD, **more)


@pytest.fixture
def depot(tmp_path: Path) -> LocalDepot:
    return LocalDepot(tmp_path / "depot")


def proven(depot: LocalDepot, tmp_path: Path, snapshot_id: str = "", **more: Any) -> Any:
    return verify(depot, snapshot_id or newest(depot), redis_server="redis-server", scratch_dir=tmp_path, **more)


def test_over_tls_only_a_server_that_is_known_is_believed(depot: LocalDepot, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names)
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    port = free_ports("redis")["redis"]
    options = ("--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no", "--save", "")
    process = subprocess.Popen([locate("redis-server"), "--port", "0", "--tls-port", str(port), *options], cwd=tmp_path)
    there = Address(uri=f"rediss://127.0.0.1:{port}/0", ca_file=certificate)
    try:
        with redis_py.Redis("127.0.0.1", port, ssl=True, ssl_ca_certs=str(certificate)) as client:
            ends = time.monotonic() + 60
            while not answers(client):
                assert time.monotonic() < ends
            client.config_set("repl-diskless-sync-delay", 0)
            client.set("a", "b")
        assert take(depot, there).quiet
        assert proven(depot, tmp_path).outcome == "passed"
        with pytest.raises(Unavailable, match="TLS handshake failed"):
            take(depot, replace(there, ca_file=None))
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_snapshot_holds_what_the_source_holds(
    filled: redis_py.Redis, depot: LocalDepot, tmp_path: Path, diskless: str
) -> None:
    filled.config_set("repl-diskless-sync", diskless)
    snapshot = take(depot, address(filled))
    assert snapshot.quiet
    assert {name: one.keys for name, one in snapshot.after.items()} == {"0": 2005, "40": 1}
    verdict = proven(depot, tmp_path, source=filled)
    assert (verdict.outcome, verdict.compared, verdict.faults) == ("passed", "source", ())
    assert verdict.contents.types == {"hash": 1, "list": 1, "set": 1, "stream": 1, "string": 2001, "zset": 1}
    assert verdict.contents.databases["0"].expires == 1000
    alone = proven(depot, tmp_path)
    assert (alone.compared, alone.contents.digest) == ("exact", verdict.contents.digest)
    assert CANARY not in str(verdict.body()) + str(snapshot.body())
    assert list(tmp_path.glob(".scratch-*")) == []


def test_the_source_changed_one_value_since(filled: redis_py.Redis, depot: LocalDepot, tmp_path: Path) -> None:
    take(depot, address(filled))
    filled.set("slots:4", "another value")
    verdict = proven(depot, tmp_path, source=filled)
    assert [fault.code for fault in verdict.faults] == ["digest"]


def test_the_least_user_is_enough_and_less_is_not(filled: redis_py.Redis, depot: LocalDepot, tmp_path: Path) -> None:
    snapshot = take(depot, address(filled, "least"))
    assert (snapshot.after, snapshot.quiet) == ({}, False)
    verdict = proven(depot, tmp_path)
    assert (verdict.outcome, verdict.compared) == ("passed", "none")
    with pytest.raises(InputError, match="forbids a snapshot to this user"):
        take(depot, address(filled, "nobody"))
    with pytest.raises(InputError, match="refused the user or password") as refused:
        take(depot, replace(address(filled), password="wrong-password"))
    assert "wrong-password" not in str(refused.value)
    assert len(snapshots(depot)) == 1


def take_while_it_lives(source: redis_py.Redis, depot: LocalDepot, key: str) -> str:
    """The id of a snapshot that certainly holds a key of a short life: a slow machine may outlive the first ones."""
    for life_ms in (400, 3_000, 20_000):
        source.set(key, "gone", px=life_ms)
        snapshot = take(depot, address(source))
        if source.exists(key):
            return snapshot.id
    pytest.fail(f"{key!r} had expired before each snapshot was taken")


def test_keys_that_have_expired_since_are_not_missed(filled: redis_py.Redis, depot: LocalDepot, tmp_path: Path) -> None:
    taken = take_while_it_lives(filled, depot, "soon")
    ends = time.monotonic() + 30
    while filled.exists("soon"):
        assert time.monotonic() < ends
    verdict = proven(depot, tmp_path, taken)
    assert (verdict.outcome, verdict.contents.expired) == ("passed", 1)


def test_a_busy_source_is_held_against_bounds(filled: redis_py.Redis, depot: LocalDepot, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with redis_py.Redis(port=port_of(filled)) as client:
            for number in itertools.count():
                client.set(f"busy:{number % 100_000}", "x")
                if stop.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        # A busy machine may let nothing be written while one is taken.
        snapshot = next(one for _ in range(20) if not (one := take(depot, address(filled))).quiet)
    finally:
        stop.set()
        writer.join()
    verdict = proven(depot, tmp_path, snapshot.id)
    assert (verdict.outcome, verdict.compared) == ("passed", "plausible")


def damage(depot: LocalDepot, change: Callable[[bytearray], None], name: str = "dump.rdb") -> None:
    file = depot.directory / "redis" / newest(depot) / name
    content = bytearray(file.read_bytes())
    change(content)
    file.write_bytes(content)


def flip(content: bytearray) -> None:
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (flip, "dump.rdb"),
        (lambda content: content.__delitem__(slice(-7, None)), "dump.rdb"),
        (lambda content: content.extend(b"more"), "dump.rdb"),
        (lambda content: content.clear(), "dump.rdb"),
        (flip, "manifest.json"),
        (lambda content: content.__delitem__(slice(-7, None)), "manifest.json"),
        (lambda content: content.clear(), "manifest.json"),
    ],
)
def test_damage_in_the_store_is_told(
    filled: redis_py.Redis, depot: LocalDepot, tmp_path: Path, change: Callable[[bytearray], None], name: str
) -> None:
    take(depot, address(filled))
    damage(depot, change, name)
    verdict = proven(depot, tmp_path)
    assert verdict.outcome == "failed"
    assert [fault.file.rpartition("/")[2] for fault in verdict.faults] == [name]


def resigned(depot: LocalDepot, snapshot: Any, change: Callable[[bytearray], None]) -> None:
    """Damage a snapshot and sign it again: what Redis sent damaged was written faithfully."""
    damage(depot, change)
    content = (depot.directory / "redis" / snapshot.id / "dump.rdb").read_bytes()
    again = replace(snapshot, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    depot.put(f"redis/{snapshot.id}/manifest.json", [documents.encode(again)])


def test_what_redis_itself_refuses_is_told(filled: redis_py.Redis, depot: LocalDepot, tmp_path: Path) -> None:
    snapshot = take(depot, address(filled))
    file = depot.directory / "redis" / snapshot.id / "dump.rdb"
    whole = file.read_bytes()
    for change in (flip, lambda content: content.__delitem__(slice(1000, None))):
        file.write_bytes(whole)
        resigned(depot, snapshot, change)
        verdict = proven(depot, tmp_path)
        assert [fault.code for fault in verdict.faults] == ["restore-failed"], verdict.body()
    file.write_bytes(whole)
    filled.flushall()
    empty = take(depot, address(filled))
    swapped = replace(snapshot, bytes=empty.bytes, sha256=empty.sha256)
    depot.put(f"redis/{snapshot.id}/manifest.json", [documents.encode(swapped)])
    depot.put(f"redis/{snapshot.id}/dump.rdb", depot.get(f"redis/{empty.id}/dump.rdb"))
    verdict = verify(depot, snapshot.id, redis_server="redis-server", scratch_dir=tmp_path)
    assert {fault.code for fault in verdict.faults} == {"count"}


class Talker(threading.Thread):
    """A server that says what it is told to, after each of the commands it is sent."""

    def __init__(self, *says: bytes, silent: bool = False, silence_s: float = 60) -> None:
        super().__init__(daemon=True)
        self.silence_s = silence_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.says = says
        self.silent = silent
        self.start()

    @property
    def address(self) -> Address:
        return Address(uri=f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0", silence_s=self.silence_s)

    def __enter__(self) -> Address:
        return self.address

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake who waits for a connection.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.join(60)

    def run(self) -> None:
        for says in ((b"-NOPERM\r\n",), (b"+OK\r\n", b"+OK\r\n", *self.says), (b"-NOPERM\r\n",)):
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                for answer in says:
                    if not connection.recv(4096):
                        return
                    connection.sendall(answer)
                if self.silent:
                    connection.settimeout(60)
                    connection.recv(1)


MARK = b"m" * 40
RDB = b"REDIS0011" + b"\x00" * 50 + b"\xff" + b"\x00" * 8


@pytest.mark.parametrize(
    "says",
    [
        b"\n\n$EOF:" + MARK + b"\r\n" + RDB + MARK,
        b"$EOF:" + MARK + b"\r\n" + RDB + MARK + b"\n",
        b"$EOF:" + MARK + b"\r\n" + RDB + MARK + b"*1\r\n$4\r\nPING\r\n",
        b"\n$%d\r\n" % len(RDB) + RDB,
        b"$%d\r\n" % len(RDB) + RDB + b"*1\r\n$4\r\nPING\r\n",
    ],
)
def test_every_framing_is_understood(depot: LocalDepot, says: bytes) -> None:
    with Talker(says) as there:
        snapshot = take(depot, there)
    assert b"".join(depot.get(f"redis/{snapshot.id}/dump.rdb")) == RDB
    assert not snapshot.checksum


@pytest.mark.parametrize(
    ("says", "silent", "told"),
    [
        (b"$EOF:" + MARK + b"\r\n" + RDB, False, "hung up before"),
        (b"$EOF:" + MARK + b"\r\n" + RDB, True, "silent"),
        (b"$100\r\n" + RDB, False, "hung up before"),
        (b"$99999999999999\r\n", True, "are the limit"),
        (b"$%d\r\n" % (len(RDB) - 1) + RDB[:-1], False, "not the whole"),
        (b"$5\r\nHELLO", False, "no RDB file"),
        (b"-LOADING wait\r\n", False, "LOADING"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "does not speak"),
        (b"\n", True, "silent"),
        (b"", True, "silent"),
    ],
)
def test_a_stream_that_breaks_leaves_nothing(depot: LocalDepot, says: bytes, told: str, *, silent: bool) -> None:
    silence_s = 0.3 if told == "silent" else 60
    with Talker(says, silent=silent, silence_s=silence_s) as there, pytest.raises(Unavailable, match=told):
        take(depot, there)
    assert depot.keys() == []


def test_who_talks_without_end_is_cut_off(depot: LocalDepot) -> None:
    says = b"$EOF:" + MARK + b"\r\n" + RDB * 2000
    with Talker(says) as there, pytest.raises(Unavailable, match="without end"):
        take(depot, there, most=10_000)
    assert depot.keys() == []


def test_the_scratch_server_ends_with_who_started_it(filled: redis_py.Redis, depot: LocalDepot, tmp_path: Path) -> None:
    snapshot = take(depot, address(filled))
    script = (
        "import sys, os, signal\nfrom pathlib import Path\nfrom monitor.backup.depot import LocalDepot\n"
        "from monitor.backup.redis import contents, verify\n"
        "def die(server, **_):\n    print(server.info('server')['process_id'], flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\ncontents.read = die\n"
        "depot, here = LocalDepot(Path(sys.argv[1])), Path(sys.argv[3])\n"
        "verify(depot, sys.argv[2], redis_server='redis-server', scratch_dir=here)\n"
    )
    arguments = (sys.executable, "-c", script, str(depot.directory), snapshot.id, str(tmp_path))
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    ends = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < ends
        time.sleep(0.02)
