"""A server of HTTP that says what it is told to say, piece by piece, however wrong that is."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def server(pieces: Callable[[], Iterable[bytes]], *, every_s: float = 0, kept: bool = False) -> Iterator[str]:
    """Answers one connection after the other with these pieces, until nobody reads them any more.

    A connection that is ``kept`` is answered as often as somebody asks.
    """

    def answer() -> None:
        with suppress(OSError):  # closed at the end
            while True:
                connection, _ = listening.accept()
                with connection, suppress(OSError):  # who has heard enough hangs up
                    while connection.recv(65536):
                        for piece in pieces():
                            connection.sendall(piece)
                            time.sleep(every_s)
                        if not kept:
                            break

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(60)
    assert not thread.is_alive(), "the server is still heard"
