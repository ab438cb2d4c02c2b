"""A port in front of object storage on which the weather changes: after so many bytes it refuses, is slow or silent."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Literal

Weather = Literal["fair", "refusing", "slow", "silent", "cut"]
SLOW_S = 0.02
"""Before each piece of up to 16 kB: less than a megabyte a second."""
PIECE = 16 * 1024


class Coast:
    """A relay. ``turn`` is the weather that comes when so many bytes were sent towards the storage.

    ``refusing`` ends connections at once; ``silent`` takes them and bytes, and lets nothing through in either
    direction; ``cut`` ends those there are, once.
    """

    def __init__(self, url: str) -> None:
        self._target = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._left: int | None = None
        self._next: Weather = "fair"
        self.weather: Weather = "fair"
        self.turned = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def turn(self, weather: Weather, after_bytes: int) -> None:
        with self._lock:
            self._left, self._next = after_bytes, weather
            self.turned.clear()

    def clear_up(self) -> None:
        """Fair again; what hung is ended."""
        with self._lock:
            self._left, self.weather = None, "fair"
        self._end_all()

    def close(self) -> None:
        self.clear_up()
        self._listener.close()

    def _end_all(self) -> None:
        with self._lock:
            ended, self._open = self._open, []
        for each in ended:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _count(self, size: int) -> None:
        with self._lock:
            if self._left is None:
                return
            self._left -= size
            if self._left >= 0:
                return
            self._left, self.weather = None, self._next
            self.turned.set()
        if self.weather in {"refusing", "cut"}:
            self._end_all()
        if self.weather == "cut":
            self.weather = "fair"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.weather == "refusing":
                    client.close()
                    continue
                server = socket.create_connection(self._target)
                with self._lock:
                    self._open += [client, server]
                threading.Thread(target=self._pass, args=(client, server), kwargs={"up": True}, daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client), kwargs={"up": False}, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, *, up: bool) -> None:
        with suppress(OSError):
            while data := source.recv(PIECE):
                if up:
                    self._count(len(data))
                if self.weather == "slow":
                    time.sleep(SLOW_S)
                if self.weather != "silent":
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)
