"""The supervisor's control socket: one JSON object a line in, one out.

Request: ``{"op": "hold", "name": "mongo-1", "seconds": 60}``. Answer: ``{"ok": true, ...}`` or
``{"ok": false, "error": "one sentence"}``. The socket is 0600 in a 0700 directory: who may open it may do all of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from signal import Signals
from typing import Any, Literal, get_args

from monitor.errors import InputError, MonitorError
from monitor.stack.component import LONGEST_HOLD_S

Op = Literal["status", "hold", "release", "kill", "pause", "resume", "stop", "start", "restart"]

OPS: tuple[Op, ...] = get_args(Op)

SIGNALS = {"KILL": Signals.SIGKILL, "TERM": Signals.SIGTERM, "INT": Signals.SIGINT, "QUIT": Signals.SIGQUIT}
"""What ``kill`` may send."""

LONGEST_LINE = 4096
_SUN_PATH = 100
"""A Unix socket's path must be shorter than 108 bytes; some room is left for the file's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One valid request. ``seconds`` is of hold, pause and kill (which then holds as well); ``sig`` of kill."""

    op: Op
    name: str = ""
    seconds: float | None = None
    sig: str = "KILL"

    @property
    def signum(self) -> Signals:
        """The signal to send."""
        return SIGNALS[self.sig]


def parse(line: bytes) -> Request:
    """Read a request.

    Raises:
        InputError: it is none; the message names the one thing that is wrong.
    """
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError("a request is one JSON object on one line") from None
    if not isinstance(given, dict):
        raise InputError("a request is one JSON object on one line")
    unknown = sorted(set(given) - {field.name for field in fields(Request)})
    if unknown:
        raise InputError(f"unknown field: {', '.join(unknown)}")
    op, name, seconds, sig = given.get("op"), given.get("name", ""), given.get("seconds"), given.get("sig", "KILL")
    if op not in OPS:
        raise InputError(f"op is one of {', '.join(OPS)}, not {op!r}")
    if not isinstance(name, str) or (op != "status" and not name):
        raise InputError(f"{op} needs the name of a component")
    if not isinstance(sig, str) or sig not in SIGNALS:
        raise InputError(f"sig is one of {', '.join(SIGNALS)}, not {sig!r}")
    if op == "hold" and seconds is None:
        raise InputError("hold needs seconds")
    if seconds is not None:
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not 0 < seconds <= LONGEST_HOLD_S:
            raise InputError(f"seconds is a number above 0 and at most {LONGEST_HOLD_S:g}, not {seconds!r}")
    return Request(op=op, name=name, seconds=seconds, sig=sig)


Answer = Callable[[Request], Awaitable[dict[str, Any]]]


async def serve(path: Path, answer: Answer) -> asyncio.Server:
    """Open the control socket; ``answer`` is called for each valid request."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await _reply(line, answer)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            return  # the other side left, or sent an endless line
        finally:
            writer.close()

    return await asyncio.start_unix_server(converse, sock=_bind(path), limit=LONGEST_LINE)


def _bind(path: Path) -> socket.socket:
    # Whoever holds the run directory's lock may remove the socket of a supervisor that was killed.
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with short_path(path) as short:
        listener.bind(short)
    path.chmod(0o600)
    return listener


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Give a socket's path in a form that fits the kernel's limit, however deep the directory is."""
    if len(os.fsencode(path)) < _SUN_PATH:
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


async def _reply(line: bytes, answer: Answer) -> dict[str, Any]:
    try:
        return {"ok": True, **await answer(parse(line))}
    except MonitorError as error:
        return {"ok": False, "error": str(error)}
    except Exception as error:  # noqa: BLE001  # whoever asked waits for an answer, whatever went wrong here
        asyncio.get_running_loop().call_exception_handler({"message": "a request failed", "exception": error})
        return {"ok": False, "error": f"the supervisor failed at it ({type(error).__name__}): see its log"}
