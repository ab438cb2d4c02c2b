"""A throw-away redis-server that has loaded a snapshot: on a Unix socket in a private directory, gone when we are gone.

It loads as a replica of nobody would: a primary leaves out keys that have expired by now, which were in the snapshot,
and are counted here. It writes nothing, listens on no port, and dies with the thread that started it.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.retry import Retry

from monitor.backup.scratch import private_directory, socket_directory, start_child
from monitor.errors import InputError, Unavailable
from monitor.stack.programs import locate

DUMP = "dump.rdb"
SOCKET = "redis.sock"
LOAD_TIMEOUT_S = 600.0
DATABASES = 1024
"""A file of more databases than the server has cannot be loaded; the source may have been given any number."""

_REFUSALS = (
    (re.compile("Wrong RDB checksum|RDB CRC error"), "its own checksum is wrong: it was changed or damaged"),
    (re.compile("Short read|Unexpected EOF|unexpected end", re.IGNORECASE), "it ends too early"),
    (re.compile("Can't handle RDB format version"), "it is of a newer Redis than the one that it is tried in"),
    (re.compile("[Ww]rong signature"), "it is no RDB file"),
    (re.compile("module"), "it holds data of a module that the scratch Redis has not"),
)

Server = redis.Redis


class NotLoaded(Exception):  # noqa: N818  # reads as the sentence it is
    """Redis refuses to load the file; the message says why, and quotes nothing of it."""


def find_redis(name: str) -> Path:
    """Return the redis-server binary: ``name`` as a path, on PATH or where Debian puts it.

    Raises:
        Unavailable: there is none.
    """
    found = shutil.which(name)
    if found is not None:
        return Path(found).absolute()
    try:
        return Path(locate(name))
    except InputError as error:
        raise Unavailable(f"there is no redis-server to load into: set MONITOR_REDIS_SERVER ({error})") from error


@contextmanager
def room(parent: Path) -> Iterator[Path]:
    """Make a private directory for a snapshot and its server."""
    with private_directory(parent) as directory:
        yield directory


@contextmanager
def loaded(binary: Path, directory: Path) -> Iterator[Server]:
    """Start a server that loads ``directory``'s ``dump.rdb``, and yield a client when it has.

    Raises:
        NotLoaded: Redis refuses the file.
        Unavailable: the server cannot be started.
    """
    with socket_directory(directory, SOCKET) as sockets:
        output = directory / "output"
        arguments = [
            *(str(binary), "--port", "0", "--unixsocket", str(sockets / SOCKET), "--unixsocketperm", "700"),
            *("--dir", str(directory), "--dbfilename", DUMP, "--databases", str(DATABASES), "--daemonize", "no"),
            *("--save", "", "--appendonly", "no", "--rdbchecksum", "yes", "--sanitize-dump-payload", "yes"),
            *("--maxmemory", "0", "--logfile", ""),
        ]
        process = start_child(arguments, output)
        # Asked again at once: the library's own retries would sleep for longer than loading takes.
        client = redis.Redis(
            unix_socket_path=str(sockets / SOCKET), socket_timeout=60, retry=Retry(NoBackoff(), retries=0)
        )
        try:
            ends = time.monotonic() + LOAD_TIMEOUT_S
            while not _ready(client):
                if process.poll() is not None:
                    raise _refusal(output, process.returncode)
                if time.monotonic() > ends:
                    raise Unavailable(f"{binary} did not load the snapshot within {LOAD_TIMEOUT_S:.0f} s")
                time.sleep(0.01)
            yield client
        finally:
            client.close()
            process.kill()
            process.wait()


def _ready(client: Server) -> bool:
    try:
        return bool(client.ping())
    except (BusyLoadingError, RedisError):
        return False


def _refusal(output: Path, code: int) -> NotLoaded | Unavailable:
    text = output.read_text(errors="replace")
    for pattern, why in _REFUSALS:
        if pattern.search(text):
            return NotLoaded(why)
    if "RDB" in text or code < 0:
        return NotLoaded("Redis cannot load it: it is damaged")
    return Unavailable(f"the scratch redis-server ended at once with exit code {code}")
