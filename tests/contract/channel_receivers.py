"""What the second channel delivers to in tests: a web server that takes JSON, and a mail server."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """Where it listens, and what it took. ``refuse`` makes it answer an error."""

    port: int = 0
    taken: list[dict[str, Any]] = field(default_factory=list)
    refuse: bool = False

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.taken]


@contextmanager
def json_receiver() -> Iterator[Receiver]:
    """Take what apprise's ``json://`` posts, and GET requests as heartbeats."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not receiver.refuse:
                receiver.taken.append({"title": sent["title"], "body": sent["message"], "type": sent["type"]})
            self.send_response(500 if receiver.refuse else 200)
            self.end_headers()

        def do_GET(self) -> None:
            receiver.taken.append({"title": self.path})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        with _running(server):
            yield receiver


@contextmanager
def mail_receiver() -> Iterator[Receiver]:
    """Take mail: as much of SMTP (RFC 5321) as a client needs that neither logs in nor encrypts."""
    receiver = Receiver()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 ready")
            while line := self.rfile.readline().decode().strip():
                match line.split(" ")[0].upper():
                    case "DATA":
                        self._say("354 go on")
                        receiver.taken.append(_mail(self._data()))
                        self._say("250 taken")
                    case "QUIT":
                        self._say("221 bye")
                        return
                    case _:
                        self._say("250 ok")

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def _data(self) -> str:
            lines = []
            while (line := self.rfile.readline().decode()) != ".\r\n":
                lines.append(line.removeprefix("."))
            return "".join(lines)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        with _running(server):
            yield receiver


def _mail(text: str) -> dict[str, Any]:
    mail = message_from_string(text, policy=policy.default)
    part = mail.get_body(("plain", "html"))
    return {"title": mail["Subject"], "body": part.get_content() if part else "", "to": mail["To"]}


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
