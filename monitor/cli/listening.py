"""What the long-running commands need before they can listen: an address, and what protects it."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from monitor.addresses import is_loopback, listen_address
from monitor.errors import SettingsError
from monitor.stack.procfs import port_holder
from telemetry import webconfig
from telemetry.webconfig import WebConfig

BACKLOG = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """An address that is taken already, and what protects it."""

    address: str
    """``host:port``, for people."""
    sockets: tuple[socket.socket, ...]
    protection: WebConfig


def listening(setting: str, address: str, web_config_file: Path | None) -> Listening:
    """Read an address of the form ``host:port`` and the web-config file that protects it, and take the address.

    It is taken before anything else is begun: a process that cannot be asked how it is should do no work either.

    Raises:
        SettingsError: either is wrong, the address is open to others and the file names no users, or it cannot be had.
    """
    host, port = listen_address(setting, address)
    try:
        protection = webconfig.load(web_config_file)
    except webconfig.WebConfigError as error:
        raise SettingsError(str(error)) from error
    if not protection.users and not is_loopback(host):
        raise SettingsError(f"{setting} = {address!r} is open to other machines, and {web_config_file} names no users")
    try:
        return Listening(address=address, sockets=_listen(host, port), protection=protection)
    except OSError as error:
        raise SettingsError(f"cannot listen on {setting} = {address!r}: {_why(error, setting, port)}") from error


def _listen(host: str, port: int) -> tuple[socket.socket, ...]:
    """Listen on every address that a host name has: ``localhost`` may have two."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with ExitStack() as undo:
        sockets = []
        for family, address in dict.fromkeys((family, address[:2]) for family, _, _, _, address in found):
            # Listening already, not only bound: Linux lets several bind, and refuses all but the first to listen.
            taken = socket.create_server(address, family=family, backlog=BACKLOG)
            sockets.append(undo.enter_context(taken))
        undo.pop_all()
    return tuple(sockets)


def _why(error: OSError, setting: str, port: int) -> str:
    remedy = f"set {setting} (MONITOR_{setting.upper()}) to another address"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is held by {port_holder(port)}: end it, or {remedy}"
    return f"{error.strerror or type(error).__name__}: {remedy}"
