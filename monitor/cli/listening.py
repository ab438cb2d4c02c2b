"""Listening addresses of the long-running commands."""

from __future__ import annotations

from monitor.errors import SettingsError


def listen_address(setting: str, address: str) -> tuple[str, int]:
    """Split ``host:port``.

    Raises:
        SettingsError: it is not of that form.
    """
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:  # noqa: PLR2004  # the last port
        raise SettingsError(f"{setting} = {address!r}: write host:port, such as 127.0.0.1:9500")
    return host.strip("[]"), int(port)
