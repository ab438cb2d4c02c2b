"""The monitor's connection to Redis: what is asked, and what comes, each with its deadline.

A socket and a few lines of the protocol, for no client library hands over the stream of a full synchronisation. No
message quotes what the server said but for the first word of an error, and none a password.
"""

from __future__ import annotations

import math
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from monitor.errors import InputError, SettingsError, Unavailable

PORT = 6379
SILENCE_S = 30.0
"""A server that makes a snapshot says so each second (an empty line); after so long without a word it has hung."""
CHUNK = 256 * 1024
LONGEST_LINE = 64 * 1024
"""Of an answer on one line; INFO's comes as a text of known length."""

_WORD = re.compile(rb"-([A-Z]{2,20})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a Redis is, and as whom it is asked."""

    uri: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    silence_s: float = SILENCE_S

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        parts = urlsplit(self.uri)
        return unquote(parts.path) if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or PORT}"


class Refused(Exception):  # noqa: N818  # an answer like any other
    """Redis answered with an error; ``word`` is its kind: NOPERM, NOAUTH, WRONGPASS, ERR."""

    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(word)


class Wire:
    """One connection. What is read waits for bytes no longer than ``silence_s``."""

    def __init__(self, connection: socket.socket, place: str) -> None:
        self.place = place
        self.ends = math.inf
        """When everything has to be over, by ``time.monotonic``: who sends empty lines for ever is not silent."""
        self._socket = connection
        self._held = b""

    @classmethod
    def open(cls, address: Address) -> Self:
        """Connect and log in.

        Raises:
            InputError: the address is none, or the user or password is refused.
            Unavailable: nobody answers there.
        """
        wire = cls(_dial(address), address.place)
        try:
            if address.password:
                user = (address.username,) if address.username else ()
                wire.ask("AUTH", *user, address.password)
        except Refused as refused:
            wire.close()
            raise InputError(
                f"Redis at {address.place} refused the user or password ({refused.word}): check redis_backup_username "
                "and redis_backup_password_file"
            ) from None
        except BaseException:
            wire.close()
            raise
        return wire

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send(self, *command: str) -> None:
        """Send a command; who expects an answer asks."""
        parts = [part.encode() for part in command]
        packed = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        with self._told():
            self._socket.sendall(packed)

    def ask(self, *command: str) -> bytes:
        """Send a command whose answer is a line or a text, and return that.

        Raises:
            Refused: Redis answered with an error.
            Unavailable: there was no answer.
        """
        self.send(*command)
        line = self.line()
        if line.startswith(b"$") and line[1:].isdigit():
            if int(line[1:]) > CHUNK * 16:
                raise Unavailable(f"Redis at {self.place} answers at a length that nobody asked for")
            text = b"".join(self.read(int(line[1:]) + 2))
            return text[:-2]
        return line

    def line(self) -> bytes:
        """Read a line that says something: a server at work keeps connections alive by empty ones.

        Raises:
            Refused: it is an error.
        """
        while True:
            end = self._held.find(b"\n")
            if end < 0:
                if len(self._held) > LONGEST_LINE:
                    raise Unavailable(f"what answers at {self.place} does not speak Redis's language")
                self._held += self._receive()
                continue
            line, self._held = self._held[:end].rstrip(b"\r"), self._held[end + 1 :]
            if line.startswith(b"-"):
                word = _WORD.match(line)
                raise Refused(word[1].decode() if word else "an error")
            if line:
                return line

    def read(self, count: int) -> Iterator[bytes]:
        """Read exactly so many bytes."""
        while count:
            chunk = self._held or self._receive()
            self._held = chunk[count:]
            chunk = chunk[:count]
            count -= len(chunk)
            yield chunk

    def read_to(self, mark: bytes, most: int) -> Iterator[bytes]:
        """Read up to a mark, which may come in two pieces, and not further than ``most`` bytes."""
        while True:
            end = self._held.find(mark)
            if end >= 0:
                yield self._held[:end]
                self._held = self._held[end + len(mark) :]
                return
            ready = max(0, len(self._held) - len(mark) + 1)
            if ready:
                yield self._held[:ready]
                most -= ready
                self._held = self._held[ready:]
            if most < 0:
                raise Unavailable(f"Redis at {self.place} sends without end")
            self._held += self._receive()

    def _receive(self) -> bytes:
        if time.monotonic() > self.ends:
            raise Unavailable(f"Redis at {self.place} did not say everything within its time")
        with self._told():
            data = self._socket.recv(CHUNK)
        if not data:
            raise Unavailable(f"Redis at {self.place} hung up before it had said everything")
        return data

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            silence = self._socket.gettimeout() or 0
            raise Unavailable(f"Redis at {self.place} was silent for {silence:.0f} s") from error
        except OSError as error:
            raise Unavailable(f"the connection to Redis at {self.place} broke ({type(error).__name__})") from error


@contextmanager
def connected(address: Address) -> Iterator[Wire]:
    """Connect, and hang up at the end."""
    wire = Wire.open(address)
    try:
        yield wire
    finally:
        wire.close()


def _dial(address: Address) -> socket.socket:
    parts = urlsplit(address.uri)
    try:
        host, port = parts.hostname or "", parts.port or PORT
    except ValueError:
        host, port = "", 0
    try:
        if parts.scheme == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(address.silence_s)
            connection.connect(unquote(parts.path))
            return connection
        if parts.scheme not in {"redis", "rediss"} or not host:
            raise InputError("redis_uri should be redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH")
        connection = socket.create_connection((host, port), timeout=address.silence_s)
        return _trust(address).wrap_socket(connection, server_hostname=host) if parts.scheme == "rediss" else connection
    except ssl.SSLError as error:
        reason = error.reason or type(error).__name__
        raise Unavailable(f"Redis at {address.place}: the TLS handshake failed ({reason})") from error
    except OSError as error:
        raise Unavailable(
            f"Redis at {address.place} does not answer ({type(error).__name__}): is it running?"
        ) from error


def _trust(address: Address) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=address.ca_file)
    except OSError as error:
        raise SettingsError(f"cannot read redis_ca_file {address.ca_file} ({type(error).__name__})") from error
