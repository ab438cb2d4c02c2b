"""What the long-running commands need before they can listen: an address, and what protects it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.errors import SettingsError
from telemetry import webconfig
from telemetry.webconfig import WebConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where to listen, and what protects it."""

    host: str
    port: int
    protection: WebConfig

    @property
    def address(self) -> str:
        """``host:port``, for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listening(setting: str, address: str, web_config_file: Path | None) -> Listening:
    """Read an address of the form ``host:port`` and the web-config file that protects it.

    Raises:
        SettingsError: either is wrong, or the address is open to others and the file names no users.
    """
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:  # noqa: PLR2004  # the last port
        raise SettingsError(f"{setting} = {address!r}: write host:port, such as 127.0.0.1:9500")
    try:
        protection = webconfig.load(web_config_file)
    except webconfig.WebConfigError as error:
        raise SettingsError(str(error)) from error
    if not protection.users and not (host.strip("[]") in {"localhost", "::1"} or host.startswith("127.")):
        raise SettingsError(f"{setting} = {address!r} is open to other machines, and {web_config_file} names no users")
    return Listening(host=host.strip("[]"), port=int(port), protection=protection)
